import { parseArgs } from "node:util";
import { Client } from "./client.ts";
import { findCube, findModel } from "./paper_data.ts";
import {
  figure1,
  figure5,
  figureConsensus,
  figureMixture,
  figurePredictions,
  type PaperInput,
} from "./paper_figures.ts";

/**
 * `deno task paper [--url http://127.0.0.1:8080] [--cube ID] [--im2spec NAME@V] [--spec2im NAME@V] [--out out/paper]`:
 * draws the paper's figures 1b-c, 3, 4, 5b-g, 6a-e and 7a-e and the consensus maps for a cube of a running service, as SVG. Returns the files.
 */
export async function drawPaper(options: {
  url: string;
  key?: string;
  cube?: string;
  im2spec?: string;
  spec2im?: string;
  out: string;
}): Promise<string[]> {
  const client = new Client(options);
  const cube = await findCube(client, options.cube);
  const im2spec = await findModel(client, cube, "im2spec", options.im2spec);
  const spec2im = await findModel(client, cube, "spec2im", options.spec2im);
  const input: PaperInput = { client, cube, im2spec, spec2im };
  const figures: [name: string, draw: () => Promise<string | undefined>][] = [
    ["fig1", () => figure1(input)],
    ["fig3", () => figurePredictions(input, im2spec, 3)],
    ["fig4", () => figurePredictions(input, spec2im, 4)],
    ["fig5", () => figure5(input)],
    ["fig6", () => figureMixture(input, im2spec, 6)],
    ["fig7", () => figureMixture(input, spec2im, 7)],
    ["consensus", () => figureConsensus(input, im2spec)],
  ];
  await Deno.mkdir(options.out, { recursive: true });
  const files: string[] = [];
  for (const [name, draw] of figures) {
    const file = `${options.out}/${name}.svg`;
    const svg = await draw();
    if (svg === undefined) continue;
    await Deno.writeTextFile(file, svg);
    files.push(file);
  }
  return files;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: Deno.env.get("LOOPSCOPE_URL") ?? "http://127.0.0.1:8080" },
      key: { type: "string", default: Deno.env.get("LOOPSCOPE_KEY") },
      cube: { type: "string" },
      im2spec: { type: "string" },
      spec2im: { type: "string" },
      out: { type: "string", default: "out/paper" },
    },
  });
  try {
    for (const file of await drawPaper(values)) console.log(file);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
