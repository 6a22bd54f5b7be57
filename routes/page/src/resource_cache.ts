import { useEffect, useRef, useState } from "preact/hooks";
import type { PendingJob } from "./api_client.ts";

const MAX_ENTRIES = 80;

interface Entry<T> {
  promise: Promise<T>;
  value?: T;
  error?: Error;
  pending?: PendingJob;
  listeners: Set<() => void>;
}

/** Keeps what was fetched, by key; the least recently used go first. Failures are forgotten at once. */
export class ResourceCache {
  private readonly entries = new Map<string, Entry<unknown>>();

  get<T>(key: string, load: (onPending: (job: PendingJob) => void) => Promise<T>): Entry<T> {
    const known = this.entries.get(key) as Entry<T> | undefined;
    if (known) {
      this.entries.delete(key);
      this.entries.set(key, known as Entry<unknown>);
      return known;
    }
    const entry: Entry<T> = { promise: undefined as unknown as Promise<T>, listeners: new Set() };
    const tell = () => entry.listeners.forEach((listener) => listener());
    entry.promise = load((job) => (entry.pending = job, tell())).then(
      (value) => (entry.value = value, tell(), value),
      (error: Error) => {
        entry.error = error;
        this.entries.delete(key);
        tell();
        throw error;
      },
    );
    entry.promise.catch(() => {});
    this.entries.set(key, entry as Entry<unknown>);
    while (this.entries.size > MAX_ENTRIES) this.entries.delete(this.entries.keys().next().value!);
    return entry;
  }

  /** Drops everything whose key begins so. */
  forget(prefix: string): void {
    for (const key of [...this.entries.keys()].filter((key) => key.startsWith(prefix))) this.entries.delete(key);
  }
}

export type Resource<T> =
  | { state: "empty" }
  | { state: "loading"; pending?: PendingJob }
  | { state: "failed"; error: Error; retry: () => void }
  | { state: "ready"; value: T };

/** What a key holds, loading it when it is not there; null loads nothing. */
export function useResource<T>(
  cache: ResourceCache,
  key: string | null,
  load: (onPending: (job: PendingJob) => void) => Promise<T>,
): Resource<T> {
  const [, render] = useState(0);
  const [failed, setFailed] = useState<{ key: string; error: Error } | null>(null);
  const broken = failed && failed.key === key ? failed : null;
  const entry = key && !broken ? cache.get(key, load) : null;
  useEffect(() => {
    if (!entry || !key) return;
    const listener = () => {
      if (entry.error) setFailed({ key, error: entry.error });
      else render((n) => n + 1);
    };
    entry.listeners.add(listener);
    if (entry.error || entry.value !== undefined) listener();
    return () => void entry.listeners.delete(listener);
  }, [entry]);
  if (!key) return { state: "empty" };
  if (broken) return { state: "failed", error: broken.error, retry: () => setFailed(null) };
  if (entry!.value !== undefined) return { state: "ready", value: entry!.value };
  return { state: "loading", pending: entry!.pending };
}

/** While a list is read again, the former one stays in view. */
export function useHeld<T>(resource: Resource<T>): Resource<T> {
  const last = useRef<Resource<T> | null>(null);
  if (resource.state === "ready") last.current = resource;
  return resource.state === "loading" && last.current ? last.current : resource;
}

export function valueOf<T>(resource: Resource<T>): T | undefined {
  return resource.state === "ready" ? resource.value : undefined;
}
