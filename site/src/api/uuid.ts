/** Makes an id in the browser. It begins with the time (UUID version 7), by which the page can order what was made. */
export function newUuid(now: number = Date.now()): string {
  // Not `crypto.randomUUID`: browsers hide it from pages on plain http, as the local stage is.
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const hex = now.toString(16).padStart(12, '0') + random.slice(12)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
