import { Counter, Gauge, Histogram, Registry } from "prom-client";

export interface GaugeSample {
  labels?: Record<string, string>;
  value: number;
}

/** Prometheus metrics of one service; no global state. */
export interface Metrics {
  countRequest(labels: { method: string; route: string; status: number }, seconds: number): void;
  /** A gauge whose value is read at each scrape: one number or one sample for each set of labels. */
  gauge(name: string, help: string, read: () => number | GaugeSample[]): void;
  /** A counter that only grows, such as `loopscope_worker_restarts_total`. */
  counter(name: string, help: string): (by?: number, labels?: Record<string, string>) => void;
  /** A histogram, such as `loopscope_predict_batch_size`. */
  histogram(name: string, help: string, buckets: number[]): (value: number) => void;
  /** The text form that Prometheus reads. */
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
    help: "Time to the answer's first byte",
    labelNames: ["method", "route"],
    buckets: DURATION_BUCKETS_S,
    registers,
  });
  return {
    countRequest({ method, route, status }, seconds) {
      requests.inc({ method, route, status: String(status) });
      durations.observe({ method, route }, seconds);
    },
    gauge: (name, help, read) => addGauge(registry, { name, help }, read),
    counter(name, help) {
      const counters = new Map<string, Counter>();
      return (by = 1, labels = {}) => {
        const labelNames = Object.keys(labels);
        const counter = counters.get(name) ?? new Counter({ name, help, labelNames, registers });
        counters.set(name, counter);
        counter.inc(labels, by);
      };
    },
    histogram(name, help, buckets) {
      const histogram = new Histogram({ name, help, buckets, registers });
      return (value) => histogram.observe(value);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addGauge(registry: Registry, about: { name: string; help: string }, read: () => number | GaugeSample[]) {
  const first = read();
  const labelNames = Array.isArray(first) ? Object.keys(first[0]?.labels ?? {}) : [];
  new Gauge({
    ...about,
    labelNames,
    registers: [registry],
    collect() {
      const now = read();
      this.reset();
      for (const sample of Array.isArray(now) ? now : [{ value: now }]) this.set(sample.labels ?? {}, sample.value);
    },
  });
}
