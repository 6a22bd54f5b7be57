import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ApiClient } from "./api_client.ts";
import type { ResourceCache } from "./resource_cache.ts";
import type { Store } from "./store.ts";
import type { Pin, ViewState } from "./view_state.ts";

/** What changes too often, or matters too little, for a permalink. */
export interface UiState {
  hover: Pin | null;
  /** Pixels that the brush in the latent plane selects, row-major 0 or 1; null without a brush. */
  selected: Uint8Array | null;
  theme: "light" | "dark";
  /** Scopes the service grants to this visitor, from `/v1/system`. */
  access: Access;
  message: { text: string; tone: "good" | "bad" } | null;
  /** The first pixels are drawn: now whole maps may be asked for. */
  warm: boolean;
  /** Step of the guided tour; -1 is closed. */
  guide: number;
  /** Counts changes of what the service holds, so that lists are read again. */
  revision: number;
}

export interface Access {
  mayUpload: boolean;
  mayTrain: boolean;
  mayManage: boolean;
  /** Why something is hidden, in words. */
  reason: string;
}

/** What every component may use; made once in `main.tsx`. */
export interface App {
  api: ApiClient;
  cache: ResourceCache;
  view: Store<ViewState>;
  ui: Store<UiState>;
}

/** What `/v1/system` says about the caller. */
export interface SystemAnswer {
  access?: { scopes: string[]; keys: boolean; publicRead: boolean; publicUploads?: boolean; publicTraining?: boolean };
}

/** Turns scopes into what the page offers, with the reason for what it does not. */
export function accessFrom({ access }: SystemAnswer): Access {
  if (!access) return { mayUpload: true, mayTrain: true, mayManage: true, reason: "" };
  const has = (scope: string) => access.scopes.includes(scope);
  const reason = access.publicRead
    ? "This is a public demo: everybody may look and predict, changes need a key. The Key button above takes one."
    : "The key in use does not allow it. The Key button above takes another.";
  return {
    mayUpload: has("train") || access.publicUploads === true,
    mayTrain: has("train") || access.publicTraining === true,
    mayManage: has("admin"),
    reason,
  };
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("Components need an AppContext");
  return app;
}
