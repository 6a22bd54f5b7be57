import type { Database } from "./database.ts";

/** Ids of queued or running jobs that use a cube, or a model as `name@version`. */
export function activeJobsUsing(db: Database, { cube, model }: { cube?: string; model?: string }): string[] {
  const sql = `SELECT id FROM jobs WHERE state IN ('queued', 'running')
    AND (model = ? OR ? IN (cube, request ->> '$.parameters.imaginary')
      OR EXISTS (SELECT 1 FROM json_each(request, '$.cubes') WHERE value ->> '$.cube' = ?))`;
  return db.all<{ id: string }>(sql, model ?? null, cube ?? null, cube ?? null).map((row) => row.id);
}
