import type { ComponentChildren } from "preact";
import { ApiProblem } from "./api_client.ts";
import type { Resource } from "./resource_cache.ts";

/** The designed states of something that is fetched: waiting, failed, empty, there. */
export function Loaded<T>({ of, empty, children, quiet }: {
  of: Resource<T>;
  empty?: ComponentChildren;
  quiet?: boolean;
  children: (value: T) => ComponentChildren;
}) {
  if (of.state === "ready") return <>{children(of.value)}</>;
  if (of.state === "failed") return <Failure error={of.error} retry={of.retry} />;
  if (of.state === "empty") return <>{empty}</>;
  return quiet ? null : <Waiting text={of.pending ? "Computing …" : "Loading …"} />;
}

export function Waiting({ text }: { text: string }) {
  return (
    <p class="waiting" role="status">
      <span class="spinner" aria-hidden="true" /> {text}
    </p>
  );
}

/** A problem in the service's own words, with a way on. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const problem = error instanceof ApiProblem ? error : undefined;
  return (
    <div class="failure" role="alert">
      <p>{problem?.status === 0 ? "The service cannot be reached" : "This did not work"}</p>
      <p class="failure-detail">{error.message}</p>
      {problem?.fields.map((field) => <p key={field} class="failure-detail">{field}</p>)}
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}
