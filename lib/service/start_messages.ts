/** What a person at a terminal is told once the service listens. */
export interface StartFacts {
  version: string;
  engine: { name: string; device: string };
  dataFolder: string;
  models: number;
  url: string;
}

export function startMessages({ version, engine, dataFolder, models, url }: StartFacts): string {
  return [
    `Loopscope ${version}`,
    `  Engine  ${engine.name} (${engine.device})`,
    `  Data    ${dataFolder}`,
    `  Models  ${models}`,
    "",
    `Open ${url}`,
    "Stop with Ctrl-C",
  ].join("\n");
}

export const USAGE = `Usage: deno task start            serve (settings are LOOPSCOPE_* variables: README, Operating)
       deno task keys …           API keys: add NAME SCOPES | list | revoke ID
       deno task doctor [--deep] [--repair]
       deno task backup FILE
       deno task restore FILE
       deno task cli --help       the service from a terminal`;
