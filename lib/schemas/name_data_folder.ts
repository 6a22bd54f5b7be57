import { nearestSetting, unknownSettings } from "./settings.ts";

/**
 * For `deno task start`, before the service is given its few permissions: prints the data folder that it may use, and
 * warns of settings that it would never look at, since it may read only those that it knows.
 */
export function nameDataFolder(environment: Record<string, string>): { folder: string; warnings: string[] } {
  const warnings = unknownSettings(Object.keys(environment)).map((name) => {
    const nearest = nearestSetting(name);
    return `loopscope: there is no setting ${name}${nearest ? `; did you mean ${nearest}?` : ""}`;
  });
  return { folder: environment.LOOPSCOPE_DATA || "./data", warnings };
}

if (import.meta.main) {
  const { folder, warnings } = nameDataFolder(Deno.env.toObject());
  warnings.forEach((line) => console.error(line));
  console.log(folder);
}
