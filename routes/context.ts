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

/** Dependencies of the HTTP interface. */
export interface AppDeps {
  services: Services;
  settings: AppSettings;
  log: Log;
  clock: Clock;
  idempotency: IdempotencyPort;
  /** Without keys everything is allowed (`main.ts` then listens on loopback only). */
  keys?: KeyVerifier;
  /** The web page at `/`. */
  page?: StaticAssets;
  /** Default: a new registry. */
  metrics?: Metrics;
}

/** What the server passes along with a request: `app.fetch(request, info)`. */
export interface ConnectionInfo {
  remoteAddr?: { hostname?: string };
  /** Fires when the client has gone. Default: the signal of the request, which is slower. */
  signal?: AbortSignal;
  /** The whole body, if it arrived with the head. */
  body?: Uint8Array;
  /** Registers a callback for when the response has been read or the client has gone. */
  onResponseEnd?: (run: () => void) => void;
  /** The scheduler shared by all large work, so that it yields to other requests. */
  yieldTurn?: Yield;
}

export interface AppEnv {
  Bindings: ConnectionInfo;
  Variables: {
    requestId: string;
    /** `key:ID` or `address:IP`. */
    callerId: string;
    scopes: ReadonlySet<Scope>;
    /** Fires when the client has gone or the time limit of the request is over. */
    signal: AbortSignal;
    /** The declared path, for logs and metrics. */
    route?: string;
    /** Replaces the body of the request while it is being hashed. */
    body?: ReadableStream<Uint8Array>;
    /**
     * Called with the names and contents of a form, and undefined at its end; set where there is an idempotency
     * key.
     */
    formSeen?: (bytes: Uint8Array | undefined) => void;
    /** The lease of this request on the budget of bodies. */
    budget: ByteLease;
    /** The budget of unread responses. */
    unread: ByteBudget;
    /** Waits for the next turn, between two pieces of large work. */
    yieldTurn: Yield;
  };
}

export type AppContext = Context<AppEnv>;
