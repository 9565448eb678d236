/**
 * What was typed and is not yet with the server, kept by the browser for this tab: it outlasts a reload, a new release
 * and leaving the page for a sign-in or a sign-out, and goes with the tab.
 */
export class DraftStore {
  private readonly key: string

  constructor(part: 'editors' | 'creations') {
    this.key = `factory-tree ${part}`
  }

  /** Returns what `parse` makes of what was kept; nothing when there is none or it is of another release's form. */
  read<T>(parse: (kept: unknown) => T): T | undefined {
    try {
      const text = sessionStorage.getItem(this.key)
      return text === null ? undefined : parse(JSON.parse(text))
    } catch {
      return undefined
    }
  }

  write(value: unknown): void {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(value))
    } catch {
      // A browser that keeps nothing, or is full: the page works all the same.
    }
  }
}
