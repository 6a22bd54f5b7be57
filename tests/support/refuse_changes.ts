import type { EmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";

/** Until it is disposed, such changes of records are refused as on a full disk: `INSERT ON cubes`. */
export function refuseChanges({ db }: Pick<EmbeddedStore, "db">, what: string): Disposable {
  db.run(`CREATE TRIGGER refused BEFORE ${what} BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`);
  return { [Symbol.dispose]: () => void db.run("DROP TRIGGER refused") };
}
