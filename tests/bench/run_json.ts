/** Runs a program and reads its standard output as one JSON object a line. Throws Error when it fails. */
export async function runJson(command: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], stderr: "piped" }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr).slice(-500)}`);
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line));
}
