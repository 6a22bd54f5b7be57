/** What HTTP needs to know; `main.ts` fills it from the environment. */
export interface AppSettings {
  /** The program's version, part of every derived ETag. */
  version: string;
  maxUploadBytes: number;
  /** Most bytes of a JSON, NPY or tensor body. */
  maxBodyBytes: number;
  /** Most bytes of an imported checkpoint. */
  maxImportBytes: number;
  /** Bodies held in memory at one time, over all requests; beyond it 503. */
  maxBufferedBytes: number;
  /** Large answers in memory at one time that have not been read, half of it for one caller; beyond it 503. */
  maxUnreadBytes: number;
  /** A request other than an upload or an event stream ends with 503 after this. */
  requestTimeoutMs: number;
  /** Longest silence while a body is being sent. */
  bodyIdleTimeoutMs: number;
  /** A body slower than this, after the first idle time, is cut off. */
  minBodyBytesPerS: number;
  /** How long a GET waits for a result before it answers with a job. */
  resultWaitMs: number;
  /** Most that `Prefer: wait=N` may ask for. */
  maxWaitMs: number;
  /** Silence on an event stream before a comment is sent. */
  heartbeatMs: number;
  /** Requests a minute from one address without a key, while keys are configured; half of it may come at once. */
  ratePerMinute: number;
  /** The same for one key. */
  keyRatePerMinute: number;
  /** Requests of one key or address that are answered at one time, while keys are configured. */
  maxRequestsPerCaller: number;
  /** A public demo: reads and predictions without a key. */
  publicRead: boolean;
  publicUploads: boolean;
  publicTraining: boolean;
  /** The one foreign origin that browsers may call from; off by default. */
  corsOrigin?: string;
  /** Take the caller's address from `X-Forwarded-For` (only behind a proxy that sets it). */
  trustProxy: boolean;
}

const MEBIBYTE = 2 ** 20;

/** Settings with defaults that suit a lab server. */
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
