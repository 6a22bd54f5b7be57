import { parseArgs } from "node:util";
import { Client } from "./client.ts";
import { COMMANDS } from "./commands.ts";

/** `deno task cli COMMAND …`: the service from a terminal, without curl. Returns the exit code. */
export async function runCli(args: string[], environment: { url: string; key?: string }): Promise<number> {
  const { words: [name, ...words], options } = split(args);
  const command = COMMANDS[name ?? ""];
  if (!command || words.length < command.words) {
    console.error(command ? `Usage: ${command.usage}` : usage());
    return 2;
  }
  const client = new Client({ url: options.url ?? environment.url, key: options.key ?? environment.key });
  const { url: _, key: __, ...rest } = options;
  const write = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
  const isTerminal = Deno.stdout.isTerminal();
  try {
    await command.run({ client, words, options: rest, print: (line) => console.log(line), write, isTerminal });
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

/** `--name value` anywhere, words otherwise. */
function split(args: string[]): { words: string[]; options: Record<string, string> } {
  const { tokens } = parseArgs({ args, strict: false, allowPositionals: true, tokens: true });
  const words: string[] = [];
  const options: Record<string, string> = {};
  let open: string | undefined;
  for (const token of tokens ?? []) {
    if (token.kind === "option") {
      open = token.value === undefined ? token.name : undefined;
      options[token.name] = String(token.value ?? "true");
    } else if (token.kind === "positional") {
      if (open) options[open] = token.value;
      else words.push(token.value);
      open = undefined;
    }
  }
  return { words, options };
}

function usage(): string {
  const lines = Object.values(COMMANDS).map(({ usage }) => `  ${usage}`);
  return ["Usage: deno task cli COMMAND [--url http://127.0.0.1:8080] [--key KEY]", ...lines].join("\n");
}

if (import.meta.main) {
  const url = Deno.env.get("LOOPSCOPE_URL") ?? "http://127.0.0.1:8080";
  Deno.exit(await runCli(Deno.args, { url, key: Deno.env.get("LOOPSCOPE_KEY") }));
}
