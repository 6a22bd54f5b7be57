import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Measure } from "../../lib/base/measure.ts";

/** Prometheus metrics of one service; no global state. */
export interface Metrics {
  countRequest(labels: { method: string; route: string; status: number }, seconds: number): void;
  measure(measure: Measure): void;
  /** The Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

const DURATION_BUCKETS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "loopscope_http_requests_total",
    help: "Requests by route and status",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const durations = new Histogram({
    name: "loopscope_http_request_duration_seconds",
    help: "Time to the first byte of the response",
    labelNames: ["method", "route"],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  return {
    countRequest({ method, route, status }, seconds) {
      requests.inc({ method, route, status: String(status) });
      durations.observe({ method, route }, seconds);
    },
    measure: (measure) => addMeasure(registry, measure),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addMeasure(registry: Registry, { type, labels = [], read, ...about }: Measure): void {
  const Kind = type === "gauge" ? Gauge : Counter;
  new Kind({
    ...about,
    labelNames: [...labels],
    registers: [registry],
    async collect(this: Gauge | Counter) {
      const now = await read();
      this.reset();
      for (const { labels = {}, value } of typeof now === "number" ? [{ value: now }] : now) this.inc(labels, value);
    },
  });
}
