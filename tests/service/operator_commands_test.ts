import { OPERATOR_COMMANDS } from "../../lib/service/operator_commands.ts";
import { exists } from "../../lib/store/durable.ts";
import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

async function withCommands(
  run: (
    command: (name: string, ...args: string[]) => Promise<[code: number, out: string]>,
    root: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "loopscope-owner-" });
  const root = `${folder}/data folder, ü`;
  const command = async (name: string, ...args: string[]): Promise<[number, string]> => {
    const lines: string[] = [];
    const code = await OPERATOR_COMMANDS[name](args, { root, zooPath: "", print: (line) => lines.push(line) });
    return [code, lines.join("\n")];
  };
  await run(command, root);
  await Deno.remove(folder, { recursive: true });
}

Deno.test("keys are added, listed and revoked; the secret is shown once, a slip shows how", () =>
  withCommands(async (command, root) => {
    const [code, out] = await command("keys", "add", "lab", "read,train,read");
    assertEquals(code, 0);
    const [, id, secret] = /^Key (\w+) for lab may read, train\..*\n(ls_\S+)$/.exec(out)!;
    assertEquals((await command("keys", "add", "lab", "admin"))[0], 0);
    const listed = (await command("keys", "list"))[1];
    assertEquals(listed.split("\n").length, 2);
    assert.ok(listed.includes(id) && !listed.includes(secret.split("_").slice(2).join("_")), listed);
    assertEquals(await command("keys", "revoke", id), [0, `Key ${id} is revoked`]);
    assertEquals(await command("keys", "revoke", id), [1, `There is no valid key ${id}`]);
    const slips = [[], ["add"], ["add", "lab"], ["add", "lab", "root"], ["add", "lab", "read,"], ["add", "", "read"]];
    for (
      const slip of [...slips, ["add", "a\nb", "read"], ["add", "a", "read", "train"], ["list", "x"], ["revoke"], [
        "drop",
      ]]
    ) {
      const [code, out] = await command("keys", ...slip);
      assertEquals([code, out.includes("Usage: keys add NAME")], [2, true], slip.join(" "));
    }
    assertEquals((await command("keys", "list"))[1].split("\n").length, 2);
    const store = await openEmbeddedStore({ root, zooPath: "", shared: true });
    assertEquals(await store.keys.verify(secret), undefined);
    await store.close();
  }));

Deno.test("what asks about a data folder does not make one", () =>
  withCommands(async (command, root) => {
    for (const words of [["doctor"], ["backup", `${root}.tar`], ["keys", "list"], ["keys", "revoke", "a"]]) {
      await assertFailsWith("data_folder_missing", () => command(words[0], ...words.slice(1)));
    }
    assertEquals(exists(root), false);
    for (const words of [["doctor", "--reapir"], ["backup"], ["backup", "--help"], ["restore", "a", "b"]]) {
      const [code, out] = await command(words[0], ...words.slice(1));
      assertEquals([code, out.startsWith("Usage: ")], [2, true], words.join(" "));
    }
  }));

Deno.test("the doctor says what it repaired, and finds nothing afterwards", () =>
  withCommands(async (command, root) => {
    await command("keys", "add", "lab", "read");
    Deno.mkdirSync(`${root}/cubes/cube_9`);
    Deno.removeSync(`${root}/hmac.key`);
    const [code, out] = await command("doctor");
    assertEquals(code, 1);
    assert.match(out, /^error hmac_key_lost hmac.key: .*\nnote left_over cubes\/cube_9: .*\n1 errors, 1 notes$/);
    await assertFailsWith("hmac_key_lost", () => command("keys", "add", "other", "read"));
    assert.match((await command("doctor", "--repair"))[1], /\(repaired\)\n.*\(repaired\)\n.*\nNo errors, 0 notes$/);
    assertEquals((await command("doctor", "--deep"))[0], 0);
    assertEquals((await command("keys", "add", "other", "read"))[0], 0);
    assert.match((await command("keys", "list"))[1], /lab {2}revoked/);
  }));

Deno.test("a repair wants the service stopped, a check does not", () =>
  withCommands(async (command, root) => {
    const store = await openEmbeddedStore({ root, zooPath: "" });
    assertEquals((await command("doctor"))[0], 0);
    const [code, out] = await command("doctor", "--repair");
    assertEquals([code, out], [2, "A service is using this data folder: stop it before a repair"]);
    await store.close();
  }));
