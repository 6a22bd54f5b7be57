import { useEffect, useState } from "preact/hooks";

/** A value that components watch; `set` merges and tells them. */
export interface Store<T extends object> {
  get(): T;
  set(patch: Partial<T>): void;
  subscribe(listener: (value: T) => void): () => void;
}

export function createStore<T extends object>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<(value: T) => void>();
  return {
    get: () => value,
    set(patch) {
      const keys = Object.keys(patch) as (keyof T)[];
      if (keys.every((key) => Object.is(value[key], patch[key]))) return;
      value = { ...value, ...patch };
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The part of a store that a component shows; it renders again only when that part changes. */
export function useStore<T extends object, V>(store: Store<T>, select: (value: T) => V): V {
  const [, render] = useState(0);
  const shown = select(store.get());
  useEffect(() => {
    let last = select(store.get());
    if (!Object.is(last, shown)) render((n) => n + 1);
    return store.subscribe((value) => {
      const next = select(value);
      if (Object.is(next, last)) return;
      last = next;
      render((n) => n + 1);
    });
  }, [store]);
  return shown;
}
