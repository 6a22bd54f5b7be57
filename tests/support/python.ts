/** A Python that can import these modules: LOOPSCOPE_TEST_PYTHON, else `python3`; undefined where there is none. */
export function pythonWith(...modules: string[]): string | undefined {
  const python = Deno.env.get("LOOPSCOPE_TEST_PYTHON") ?? "python3";
  try {
    const args = ["-c", `import ${modules.join(", ")}`];
    return new Deno.Command(python, { args, stderr: "null" }).outputSync().success ? python : undefined;
  } catch {
    return undefined;
  }
}

/** A test that needs a Python with these modules, and says so in its name where it is skipped. */
export function testWithPython(name: string, modules: string[], run: (python: string) => Promise<void>): void {
  const python = pythonWith(...modules);
  const why = ` (skipped: no Python with ${modules.join(", ")}; name one in LOOPSCOPE_TEST_PYTHON)`;
  Deno.test({ name: python ? name : name + why, ignore: python === undefined, fn: () => run(python!) });
}

/** What a script prints; fails with its error output where it fails. */
export async function runPython(python: string, script: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(python, { args: ["-c", script, ...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
