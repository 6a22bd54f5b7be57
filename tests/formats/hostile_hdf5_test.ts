import { File, type Group, ready } from "h5wasm";
import * as unprotected from "h5wasm/node";
import { DEFAULT_FORMAT_LIMITS } from "../../lib/formats/cube_source.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { hdf5Bytes, ramp } from "./support/hdf5_bytes.ts";
import { readCube, withFile } from "./support/with_file.ts";

const SHAPE = [3, 4, 5];

function addCube(group: Group, name: string, options: { chunks?: number[]; compression?: number } = {}): void {
  group.create_dataset({ name, data: ramp(60), shape: SHAPE, ...options });
}

Deno.test("an external link cannot show another file's content", async () => {
  const secret = await hdf5Bytes((file) => addCube(file, "secret"));
  await withFile(secret, async (secretPath) => {
    const crafted = await hdf5Bytes((file) => {
      file.create_external_link(secretPath, "/secret", "cube");
      file.create_external_link(secretPath, "/", "folder");
      file.create_soft_link("/folder/secret", "soft");
    });
    // Without our protection the library follows the link: this is what is kept out.
    await withFile(crafted, async (path) => {
      await unprotected.ready;
      const open = new unprotected.File(path, "r");
      assertEquals((open.get("cube") as unprotected.Dataset).shape, SHAPE);
      open.close();
    });
    const error = await assertFailsWith("no_cube", () => readCube(crafted));
    assert.match(error.message, /\/cube, \/folder lead to other files, which are never followed/);
    for (const dataset of ["/cube", "/folder/secret", "/soft", "folder/../cube"]) {
      const refused = await assertFailsWith(
        dataset.includes("..") ? "external_link" : "external_link",
        () => readCube(crafted, { dataset }),
      );
      assert.match(refused.message, /link to another file/);
    }
  });
});

Deno.test("the library sees one file and no other, even without the check of links", async () => {
  const secret = await hdf5Bytes((file) => addCube(file, "secret"));
  await withFile(secret, async (secretPath) => {
    const crafted = await hdf5Bytes((file) => file.create_external_link(secretPath, "/secret", "cube"));
    const { mountSingleFile } = await import("../../lib/formats/hdf5/single_file_mount.ts");
    const { openByteFile } = await import("../../lib/formats/byte_file.ts");
    const { loadHdf5 } = await import("../../lib/formats/hdf5/hdf5_module.ts");
    await withFile(crafted, async (path) => {
      const module = await loadHdf5();
      const bytes = openByteFile(path);
      const { path: mounted, unmount } = mountSingleFile(module, bytes);
      const file = new File(mounted, "r");
      assert.throws(
        () => module.get_dataset_metadata(file.file_id, "/cube"),
        /unable to open external file|can't open/i,
      );
      file.close();
      unmount();
      bytes.close();
    });
  });
});

Deno.test("a loop of soft links ends, and is said to be one", async () => {
  const bytes = await hdf5Bytes((file) => {
    addCube(file, "cube");
    file.create_soft_link("/b", "a");
    file.create_soft_link("/a", "b");
    file.create_soft_link("/cube", "good");
  });
  assertEquals((await readCube(bytes)).dataset, "/cube");
  assertEquals((await readCube(bytes, { dataset: "good" })).dataset, "/cube");
  await assertFailsWith("link_loop", () => readCube(bytes, { dataset: "/a" }));
});

Deno.test("groups that contain themselves are walked once", async () => {
  const bytes = await hdf5Bytes((file) => {
    const group = file.create_group("group");
    addCube(group, "cube");
    file.create_hard_link("/group", "group/again");
    file.create_hard_link("/", "group/root");
  });
  assertEquals((await readCube(bytes)).candidates, ["/group/cube"]);
});

Deno.test("references that lead in a circle end", async () => {
  const bytes = await hdf5Bytes((file) => {
    const cube = file.create_dataset({ name: "cube", data: ramp(60), shape: SHAPE });
    const main = file.create_dataset({ name: "main", data: ramp(8), shape: [4, 2] });
    for (const name of ["Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values"]) {
      main.create_attribute(name, [main.create_reference()]);
    }
    cube.create_attribute("DIMENSION_LIST", [0, 1, 2].map(() => cube.create_reference()));
  });
  assertEquals((await readCube(bytes)).axes.spectral.values, [0, 1, 2, 3, 4]);
});

Deno.test("a corrupt chunk is an error, never zeros", async () => {
  const bytes = await hdf5Bytes((file) => addCube(file, "cube", { chunks: [3, 4, 5], compression: 6 }));
  assertEquals((await readCube(bytes)).values.length, 60);
  // The chunk is the one long run of bytes without zeros: spoil its middle.
  const start = bytes.findIndex((byte, i) =>
    byte === 0x78 && bytes[i + 1] === 0x5e || (byte === 0x78 && bytes[i + 1] === 0x9c)
  );
  assert.ok(start > 0, "the compressed chunk was found");
  for (let i = 40; i < 60; i++) bytes[start + i] ^= 0xff;
  await assertFailsWith("hdf5_damaged", () => readCube(bytes));
});

Deno.test("a file that is cut off anywhere is an error", async () => {
  const bytes = await hdf5Bytes((file) => addCube(file, "cube"));
  for (const length of [9, 100, bytes.length >> 1, bytes.length - 1]) {
    await assertFailsWith("hdf5_damaged", () => readCube(bytes.subarray(0, length)));
  }
});

Deno.test("a huge declared shape is refused with the limit, and nothing is allocated", async () => {
  const grown = (shape: number[]) =>
    hdf5Bytes((file) => {
      const cube = file.create_dataset({
        name: "cube",
        data: ramp(60),
        shape: SHAPE,
        maxshape: [null, null, null],
        chunks: SHAPE,
      });
      cube.resize(shape);
    });
  const large = await grown([40000, 40000, 500]);
  const error = await assertFailsWith("expands_too_much", () => readCube(large));
  assert.match(error.message, /declares 3200000000000 bytes/);
  const sparse = await grown([1000, 1000, 100]);
  await assertFailsWith("expands_too_much", () => readCube(sparse));
  const limits = { ...DEFAULT_FORMAT_LIMITS, maxValues: 59 };
  const limited = await assertFailsWith(
    "cube_too_large",
    async () => readCube(await hdf5Bytes((file) => addCube(file, "cube")), {}, limits),
  );
  assert.match(limited.message, /3 x 4 pixels with 5 points; expected at most 59 values/);
});

Deno.test("groups too deep and objects too many are refused with the limit", async () => {
  const deep = await hdf5Bytes((file) => {
    let group: Group = file;
    for (let i = 0; i < 150; i++) group = group.create_group("g");
    addCube(group, "cube");
  });
  const error = await assertFailsWith("too_deep", () => readCube(deep));
  assert.match(error.message, /deeper than 100/);
  const many = await hdf5Bytes((file) => {
    for (let i = 0; i < 60; i++) file.create_group(`g${i}`);
  });
  await assertFailsWith("too_many_objects", () => readCube(many, {}, { ...DEFAULT_FORMAT_LIMITS, maxObjects: 50 }));
});

Deno.test("a hundred thousand attributes do not hinder", async () => {
  const module = await ready;
  const bytes = await hdf5Bytes((file) => {
    addCube(file, "cube");
    const value = module._malloc(4);
    const metadata = { type: 0, size: 4, signed: true, littleEndian: true, vlen: false, shape: [1n], maxshape: [1n] };
    for (let i = 0; i < 100000; i++) {
      // deno-lint-ignore no-explicit-any -- the writer's own types lack what it takes
      module.create_attribute(file.file_id, "/cube", `a${i}`, BigInt(value), metadata as any);
    }
    module._free(value);
  });
  assertEquals((await readCube(bytes)).shape, SHAPE);
});

Deno.test("names with control characters or dots are shown harmless and can still be chosen", async () => {
  const bytes = await hdf5Bytes((file) => {
    addCube(file, "evil\u001b[31m\nname");
    addCube(file, "..");
    file.create_dataset({ name: "<script>", data: ramp(12), shape: [3, 4] });
  });
  const cube = await readCube(bytes, { dataset: "/evil\u001b[31m\nname" });
  assertEquals(cube.dataset, "/evil [31m name");
  assertEquals(cube.maps.map((map) => map.name), ["<script>"]);
  assertEquals((await readCube(bytes, { dataset: "/.." })).dataset, "/..");
});

Deno.test("an axis with NaN is replaced by the index and said so; one that turns back is kept", async () => {
  const build = (values: number[]) =>
    hdf5Bytes((file) => {
      addCube(file, "cube");
      file.create_dataset({ name: "bias", data: Float64Array.from(values), shape: [5] });
    });
  const broken = await readCube(await build([0, 1, NaN, 3, 4]));
  assertEquals(broken.axes.spectral, { name: "bias", unit: "", values: [0, 1, 2, 3, 4] });
  assert.ok(broken.notes.some((note) => /not finite/.test(note)));
  const sweep = await readCube(await build([0, 1, 0, -1, 0]));
  assertEquals(sweep.axes.spectral.values, [0, 1, 0, -1, 0]);
});

Deno.test("what is no cube is told by name: curve, image, strings, records, a missing dataset", async () => {
  const bytes = await hdf5Bytes((file) => {
    addCube(file, "cube");
    file.create_group("folder");
    file.create_dataset({ name: "curve", data: ramp(7) });
    file.create_dataset({ name: "image", data: ramp(20), shape: [4, 5] });
    file.create_dataset({ name: "words", data: ["a", "b"] });
    file.create_dataset({ name: "small", data: ramp(6), shape: [2, 1, 3] });
  });
  const refuse = (dataset: string, code: string) => assertFailsWith(code, () => readCube(bytes, { dataset }));
  assert.match((await refuse("curve", "cube_needed")).message, /\/curve has shape \[7\]; expected three axes/);
  assert.match((await refuse("/image", "cube_needed")).message, /shape \[4,5\]/);
  assert.match((await refuse("words", "not_numeric")).message, /strings/);
  assert.match((await refuse("nothing", "dataset_missing")).message, /no dataset nothing, it has \/cube/);
  assert.match((await refuse("/folder", "dataset_missing")).message, /a group/);
  await refuse("small", "cube_needed");
});
