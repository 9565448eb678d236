import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** All that the first rows wait for, on a stage without sign-in. */
export const MOST_BYTES = 45_000

/** Returns how much JavaScript the page's own scripts are, with what they import at once, gzipped. @param {string} dist the built site */
export function firstLoadBytes(dist) {
  const page = readFileSync(join(dist, 'index.html'), 'utf8')
  const waiting = [...page.matchAll(/<script[^>]+src="\/(assets\/[^"]+)"/g)].map(([, path]) => path)
  /** @type {Set<string>} */
  const paths = new Set()
  for (let path = waiting.pop(); path; path = waiting.pop()) {
    if (!paths.has(path)) {
      paths.add(path)
      const script = readFileSync(join(dist, path), 'utf8')
      const imports = script.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g)
      waiting.push(...[...imports].map(([, name]) => `assets/${name}`))
    }
  }
  if (paths.size === 0) {
    throw new Error(`${dist}/index.html names no script`)
  }
  const sizes = [...paths].map(
    (path) => gzipSync(readFileSync(join(dist, path)), { level: 9 }).length,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
