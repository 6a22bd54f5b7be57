/** The folder with real measurements and golden numbers, or undefined where it is absent. */
export const SHARED: URL | undefined = (() => {
  const folder = new URL("../../../shared/", import.meta.url);
  try {
    Deno.statSync(folder);
    return folder;
  } catch {
    return undefined;
  }
})();

/** `Deno.test` for what needs a file of ../shared; skipped with a reason in its name where that is absent. */
export function testWithShared(
  name: string,
  run: (shared: URL, context: Deno.TestContext) => void | Promise<void>,
): void {
  const shared = SHARED;
  if (shared) Deno.test(name, (context) => run(shared, context));
  else Deno.test({ name: `${name} (skipped: ../shared is absent)`, ignore: true, fn: () => {} });
}
