/** U+2068 and U+2069, which no name may hold. */
const ISOLATED = /\u2068(.*?)\u2069/u

/** Marks a name in a message: its direction must not reorder the words around it. */
export function isolate(name: string): string {
  return `\u2068${name}\u2069`
}

/** Returns plain and isolated pieces of a message in turn. */
export function splitIsolated(text: string): string[] {
  return text.split(new RegExp(ISOLATED, 'u'))
}

/** Returns a message without the marks, for what is spoken. */
export function withoutMarks(text: string): string {
  return splitIsolated(text).join('')
}
