import { parseArgs } from "node:util";
import { Client } from "./client.ts";
import { COMMANDS } from "./commands.ts";

export interface CliEnvironment {
  url: string;
  key?: string;
  /** Where the person stands: `deno task` itself changes to the project's folder. */
  folder?: string;
}

/** `deno task cli COMMAND …`: the service from a terminal, without curl. Returns the exit code: 1 failed, 2 wrong usage. */
export async function runCli(args: string[], environment: CliEnvironment): Promise<number> {
  const { words: [name, ...words], options } = split(args);
  const command = Object.hasOwn(COMMANDS, name ?? "") ? COMMANDS[name] : undefined;
  if ("help" in options || name === "help") {
    console.log(command ? `Usage: deno task cli ${command.usage}` : usage());
    return 0;
  }
  const { url, key, ...rest } = options;
  const slip = command ? wrongUsage(command, words, rest) : name ? `There is no command ${name}` : "Which command?";
  if (!command || slip) {
    console.error(`${slip}\n${command ? `Usage: deno task cli ${command.usage}` : usage()}`);
    return 2;
  }
  const write = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  const isTerminal = Deno.stdout.isTerminal();
  try {
    if (environment.folder) Deno.chdir(environment.folder);
    const client = new Client({ url: url ?? environment.url, key: key ?? environment.key });
    await command.run({ client, words, options: rest, print: (line) => console.log(line), write, isTerminal });
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

function wrongUsage(
  command: { words: number; options?: readonly string[] },
  words: string[],
  options: Record<string, string>,
): string | undefined {
  if (words.length < command.words) return `Received ${words.length} words; expected ${command.words}`;
  if (words.length > command.words) return `Received ${words[command.words]}; expected ${command.words} words`;
  const unknown = Object.keys(options).find((option) => !command.options?.includes(option));
  if (unknown !== undefined) return `There is no option --${unknown} here`;
  const empty = Object.entries(options).find(([, value]) => value === "");
  return empty ? `Met --${empty[0]} without a value` : undefined;
}

/** `--name value` anywhere, words otherwise. */
function split(args: string[]): { words: string[]; options: Record<string, string> } {
  const { tokens } = parseArgs({ args, strict: false, allowPositionals: true, tokens: true });
  const words: string[] = [];
  const options: Record<string, string> = {};
  let open: string | undefined;
  for (const token of tokens ?? []) {
    if (token.kind === "option") {
      open = token.value === undefined && token.name !== "help" ? token.name : undefined;
      options[token.name] = String(token.value ?? "");
    } else if (token.kind === "positional") {
      if (open) options[open] = token.value;
      else words.push(token.value);
      open = undefined;
    }
  }
  return { words, options };
}

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return [
    "Usage: deno task cli COMMAND [--url http://127.0.0.1:8080] [--key KEY]   (or LOOPSCOPE_URL, LOOPSCOPE_KEY)",
    ...lines,
    "deno task cli COMMAND --help tells more. A first walk: upload FILE, train CUBE NAME, errors NAME CUBE.",
  ].join("\n");
}

if (import.meta.main) {
  const url = Deno.env.get("LOOPSCOPE_URL") ?? "http://127.0.0.1:8080";
  const folder = Deno.env.get("INIT_CWD");
  Deno.exit(await runCli(Deno.args, { url, key: Deno.env.get("LOOPSCOPE_KEY"), folder }));
}
