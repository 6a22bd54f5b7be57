/** Settings of the HTTP interface; `main.ts` reads them from the environment. */
export interface AppSettings {
  /** Program version, part of every derived ETag. */
  version: string;
  maxUploadBytes: number;
  /** Largest JSON, NPY or tensor body, in bytes. */
  maxBodyBytes: number;
  /** Largest imported checkpoint, in bytes. */
  maxImportBytes: number;
  /** Bytes of request bodies in memory at one time, over all requests; beyond it 503. */
  maxBufferedBytes: number;
  /** Bytes of large unread responses in memory at one time, at most half of it for one caller; beyond it 503. */
  maxUnreadBytes: number;
  /** Time limit of a request other than an upload or an event stream; then 503. */
  requestTimeoutMs: number;
  /** Longest idle time while a body is being received. */
  bodyIdleTimeoutMs: number;
  /** Lowest mean rate of a body, measured after the first `bodyIdleTimeoutMs`; a slower one is refused. */
  minBodyBytesPerS: number;
  /** How long a GET waits for a result before it responds with a job. */
  resultWaitMs: number;
  /** Longest wait that `Prefer: wait=N` may ask for. */
  maxWaitMs: number;
  /** Idle time of an event stream before a comment is sent. */
  heartbeatMs: number;
  /** Requests a minute from one address without a key, where keys are configured; half of them may come at once. */
  ratePerMinute: number;
  /** The same for one key. */
  keyRatePerMinute: number;
  /** Requests of one key or address that may run at one time, where keys are configured. */
  maxRequestsPerCaller: number;
  /** Public demo: reads and predictions need no key. */
  publicRead: boolean;
  publicUploads: boolean;
  publicTraining: boolean;
  /** The one other origin whose pages may call the service; none by default. */
  corsOrigin?: string;
  /** Whether the caller's address is taken from `X-Forwarded-For` (only behind a proxy that sets it). */
  trustProxy: boolean;
}

const MEBIBYTE = 2 ** 20;

/** Defaults for a lab server. */
export function appSettings(given: Partial<AppSettings> & { version: string }): AppSettings {
  return {
    maxUploadBytes: 8192 * MEBIBYTE,
    maxBodyBytes: 16 * MEBIBYTE,
    maxImportBytes: 256 * MEBIBYTE,
    maxBufferedBytes: 512 * MEBIBYTE,
    maxUnreadBytes: 1024 * MEBIBYTE,
    requestTimeoutMs: 120_000,
    bodyIdleTimeoutMs: 20_000,
    minBodyBytesPerS: 128,
    resultWaitMs: 5_000,
    maxWaitMs: 60_000,
    heartbeatMs: 15_000,
    ratePerMinute: 600,
    keyRatePerMinute: 6000,
    maxRequestsPerCaller: 250,
    publicRead: false,
    publicUploads: false,
    publicTraining: false,
    trustProxy: false,
    ...given,
  };
}
