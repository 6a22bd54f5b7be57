import { recordStoreContract } from "../contracts/record_store_contract.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

recordStoreContract("SQLite and disk", async () => {
  const clock = testClock();
  return { ...await temporaryStore({ clock }), clock };
});
