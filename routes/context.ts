import type { Context } from "hono";
import type { Clock } from "../lib/base/clock.ts";
import type { Log } from "../lib/base/log.ts";
import type { Yield } from "../lib/base/scheduler.ts";
import type { KeyVerifier, Scope } from "../lib/schemas/access.ts";
import type { IdempotencyPort } from "../lib/schemas/idempotency.ts";
import type { Services } from "../lib/service/services.ts";
import type { AppSettings } from "./app_settings.ts";
import type { ByteBudget, ByteLease } from "./server/byte_budget.ts";
import type { Metrics } from "./middleware/metrics.ts";
import type { StaticAssets } from "./response/static_assets.ts";

/** Everything that the HTTP face is given. */
export interface AppDeps {
  services: Services;
  settings: AppSettings;
  log: Log;
  clock: Clock;
  idempotency: IdempotencyPort;
  /** Without it everything is open (`main.ts` then listens on loopback only). */
  keys?: KeyVerifier;
  /** The web page at `/`. */
  page?: StaticAssets;
  /** Default: a fresh registry. */
  metrics?: Metrics;
}

/** What the server passes beside a request: `app.fetch(request, info)`. */
export interface ConnectionInfo {
  remoteAddr?: { hostname?: string };
  /** Fires when the client has gone; default: the request's own, which costs more. */
  signal?: AbortSignal;
  /** The request's whole body where it is at hand. */
  body?: Uint8Array;
  /** Calls back when the answer has been read or its reader has gone. */
  onResponseEnd?: (run: () => void) => void;
  /** Shared with everything else that is large and has to give way to others. */
  yieldTurn?: Yield;
}

export interface AppEnv {
  Bindings: ConnectionInfo;
  Variables: {
    requestId: string;
    /** `key:ID` or `address:IP`. */
    callerId: string;
    scopes: ReadonlySet<Scope>;
    /** Fires when the client has gone or the request's time is over. */
    signal: AbortSignal;
    /** The declared path, for logs and metrics. */
    route?: string;
    /** Stands in for the request's own body while that is being hashed. */
    body?: ReadableStream<Uint8Array>;
    /** Told of a form's names and contents, and of its end (undefined); set where there is an idempotency key. */
    formSeen?: (bytes: Uint8Array | undefined) => void;
    /** What this request's body holds. */
    budget: ByteLease;
    /** What answers hold that have not been read. */
    unread: ByteBudget;
    /** Waits for the turn of the next piece of something large. */
    yieldTurn: Yield;
  };
}

export type AppContext = Context<AppEnv>;
