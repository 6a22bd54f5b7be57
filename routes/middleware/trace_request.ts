import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

export interface BegunRequest {
  method: string;
  requestId: string;
  headers: Headers;
}

/** Ends the span with the outcome of the request. */
export type EndSpan = (outcome: { route: string; status: number }) => void;

/**
 * Starts a span for one request, under the `traceparent` of the caller. Deno's own span has neither route nor request
 * id, and cannot be changed from here. Where tracing is off this costs next to nothing.
 */
export function beginSpan({ method, requestId, headers }: BegunRequest): EndSpan {
  const parent = propagation.extract(ROOT_CONTEXT, headers, {
    get: (carrier, name) => carrier.get(name) ?? undefined,
    keys: (carrier) => [...carrier.keys()],
  });
  const attributes = { "http.request.method": method, "loopscope.request_id": requestId };
  const span = trace.getTracer("loopscope").startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
  return ({ route, status }) => {
    span.updateName(`${method} ${route}`);
    span.setAttributes({ "http.route": route, "http.response.status_code": status });
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
}
