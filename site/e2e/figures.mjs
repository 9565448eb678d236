/**
 * What the page costs with thousands of factories, measured in a real browser on a stage of one process.
 *
 * In: the built site (`npm run build`, or the folder DIST); FACTORIES (5000), MINUTES of the memory's test (0 leaves it
 * out). Out: a line for each figure, with its goal; status 1 when a goal is missed.
 *
 * Each figure of frames and keys is measured on an empty page first, in the same browser: that share is the machine's.
 *
 * - *First load*: largest contentful paint and layout shift by the browser's own entries; "rows painted" is the time from
 *   the navigation's start to the frame after the first row stands in the document.
 * - *Frames*: the page scrolls by 60 px in every frame it is given. The length of a frame is what the developer tools show:
 *   from its `BeginFrame` event in the browser's trace to that of the next frame that was drawn. Without a display a frame
 *   begins 60 times a second on time; the moment at which it is then drawn is told too, and no goal is set for it: an
 *   empty page is drawn between 16.3 and 17.1 ms after the one before (p5 and p95, of 600).
 * - *Under load*: the same slowly, while the stage makes 20 changes a second (half of them renames that move a row, a
 *   quarter new numbers, the rest creations and removals) and a person types into the filter.
 *   Key to paint is the duration of the browser's event entries, which it rounds to 8 ms; a key faster than 16 ms has none.
 * - *Memory*: the heap after a collection, after one minute of that load and at the end.
 */
import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { launchBrowser } from './browser.mjs'
import { FakeStage, manyFactory } from './fake/stage.mjs'
import { firstLoadBytes, MOST_BYTES } from './size.mjs'

const DIST = process.env['DIST'] ?? fileURLToPath(new URL('../dist', import.meta.url))
const FACTORIES = Number(process.env['FACTORIES'] ?? 5000)
const MINUTES = Number(process.env['MINUTES'] ?? 0)
const LOAD_SECONDS = 60
const SCROLL_SECONDS = 10
const CHANGES_PER_SECOND = 20
/** Of 60 frames a second. */
const FRAME_MS = 1000 / 60

const stage = new FakeStage(DIST)
const url = await stage.start()
for (let index = 0; index < FACTORIES; index += 1) {
  stage.put(manyFactory(index))
}
const browser = await launchBrowser()
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
await context.addInitScript(watchPaints)
/** As tall as the tree, with one field and nothing else. */
const EMPTY = `data:text/html,<title>Empty</title><body style="height:200000px"><input aria-label="Name" style="position:fixed">`
let page = await context.newPage()
let debug = await context.newCDPSession(page)
let missed = 0

/** @param {string} name @param {number} value @param {number} goal @param {string} unit @param {number} [empty] of the empty page */
function tell(name, value, goal, unit, empty) {
  const isMet = value <= goal
  missed += isMet ? 0 : 1
  const share = empty === undefined ? '' : `, empty page ${round(empty)}`
  console.log(
    `${isMet ? 'ok  ' : 'MISS'}  ${name}: ${round(value)} ${unit} (goal ${goal}${share}, load ${round(loadavg()[0] ?? 0)})`,
  )
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 1000) / 1000
}

/** Notes in the page what the browser tells of its painting. */
function watchPaints() {
  const paints = { rows: 0, largest: 0, shift: 0, keys: /** @type {number[]} */ ([]) }
  Reflect.set(globalThis, 'paints', paints)
  const watch = (/** @type {string} */ type, /** @type {(entry: any) => void} */ note) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({
      type,
      buffered: true,
      .../** @type {object} */ ({ durationThreshold: 16 }),
    })
  watch('largest-contentful-paint', (entry) => (paints.largest = entry.startTime))
  watch('layout-shift', (entry) => (paints.shift += entry.hadRecentInput ? 0 : entry.value))
  watch('event', (entry) => entry.name === 'keydown' && paints.keys.push(entry.duration))
  const look = () => {
    if (document.querySelector('.row')) {
      requestAnimationFrame(() => setTimeout(() => (paints.rows = performance.now())))
    } else {
      requestAnimationFrame(look)
    }
  }
  look()
}

/** @returns {Promise<{ rows: number, largest: number, shift: number, keys: number[] }>} */
function paints() {
  return page.evaluate(() => Reflect.get(globalThis, 'paints'))
}

/** @typedef {{ lengths: number[], draws: number[] }} Frames from begin to begin, and from drawing to drawing, in milliseconds */

/** Runs something while the browser traces its frames. @param {() => Promise<void>} act @returns {Promise<Frames>} */
async function traceFrames(act) {
  /** @type {Map<number, number>} */
  const begun = new Map()
  /** @type {Map<number, number>} */
  const drawn = new Map()
  const collect = (/** @type {any} */ { value }) => {
    for (const { name, ts, args } of value) {
      if (name === 'BeginFrame' || name === 'DrawFrame') {
        const frames = name === 'BeginFrame' ? begun : drawn
        frames.set(args.frameSeqId, ts / 1000)
      }
    }
  }
  debug.on('Tracing.dataCollected', collect)
  await debug.send('Tracing.start', {
    categories: 'disabled-by-default-devtools.timeline.frame',
  })
  await act()
  const ended = new Promise((resolve) => debug.once('Tracing.tracingComplete', resolve))
  await debug.send('Tracing.end')
  await ended
  debug.off('Tracing.dataCollected', collect)
  // The tracing began in the middle of the first one.
  const begins = [...drawn.keys()].flatMap((frame) => begun.get(frame) ?? [])
  return { lengths: intervals(begins), draws: intervals([...drawn.values()]) }
}

/** @param {number[]} times @returns {number[]} */
function intervals(times) {
  const sorted = times.sort((one, other) => one - other)
  return sorted.slice(1).map((time, index) => time - (sorted[index] ?? 0))
}

/** Tells the frames of a page, beside those of an empty one. @param {string} name @param {Frames} frames @param {Frames} empty */
function tellFrames(name, { lengths, draws }, empty) {
  const late = lengths.filter((length) => length > FRAME_MS * 1.5).length
  const p95 = quantile(lengths, 0.95)
  tell(
    `${name}, frame p95`,
    p95,
    17,
    `ms of ${lengths.length} frames`,
    quantile(empty.lengths, 0.95),
  )
  console.log(
    `      ${late} of them long, the longest ${round(Math.max(...lengths))} ms; drawn p95 ` +
      `${round(quantile(draws, 0.95))} ms after the one before (empty page ${round(quantile(empty.draws, 0.95))})`,
  )
}

/** @param {number[]} values @param {number} part */
function quantile(values, part) {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** Scrolls in every frame, up and down. @param {number} pixels a frame @param {number} milliseconds */
function scroll(pixels, milliseconds) {
  return page.evaluate(
    ([step, duration]) =>
      new Promise((resolve) => {
        const end = performance.now() + duration
        let by = step
        const frame = () => {
          const before = scrollY
          scrollBy(0, by)
          by = scrollY === before ? -by : by
          if (performance.now() < end) {
            requestAnimationFrame(frame)
          } else {
            resolve(undefined)
          }
        }
        requestAnimationFrame(frame)
      }),
    /** @type {[number, number]} */ ([pixels, milliseconds]),
  )
}

let changes = 0
/** One change of somebody else. */
function change() {
  changes += 1
  const index = (changes * 7919) % FACTORIES
  const { id, numbers } = manyFactory(index)
  const made = manyFactory(FACTORIES + (changes % 16 < 8 ? 1 : 2))
  switch (changes % 8) {
    case 0:
      return stage.factories.has(made.id) ? stage.remove(made.id) : stage.put(made)
    case 1:
    case 2:
      return stage.put({ id, numbers: numbers.map((number) => (number * 31) % 1000) })
    default:
      return stage.put({ id, name: `Factory ${(index * 31 + changes) % FACTORIES}` })
  }
}

/** Returns the frames of a page that scrolls fast. */
function scrolling() {
  return traceFrames(() => scroll(60, SCROLL_SECONDS * 1000))
}

/** Returns frames and keys of a page that scrolls slowly while a person types. @param {number} milliseconds */
async function typing(milliseconds) {
  const before = (await paints()).keys.length
  let pressed = 0
  const frames = await traceFrames(async () => {
    const typed = type(milliseconds)
    await scroll(2, milliseconds)
    pressed = await typed
  })
  const slow = (await paints()).keys.slice(before)
  const quick = Array.from({ length: Math.max(0, pressed - slow.length) }, () => 16)
  return { frames, keys: [...slow, ...quick] }
}

/** @param {number} milliseconds */
async function type(milliseconds) {
  const field = page.getByLabel('Name', { exact: true })
  const end = performance.now() + milliseconds
  let keys = 0
  while (performance.now() < end) {
    await field.press(keys % 12 === 11 ? 'ControlOrMeta+a' : ('abcdefghijk'[keys % 12] ?? 'x'))
    keys += 1
    await pause(120)
  }
  return keys
}

async function heap() {
  await debug.send('HeapProfiler.collectGarbage')
  const { usedSize } = await debug.send('Runtime.getHeapUsage')
  return usedSize / 2 ** 20
}

tell(
  'JavaScript before the first rows, gzipped',
  firstLoadBytes(DIST) / 1000,
  MOST_BYTES / 1000,
  'kB',
)

await page.goto(EMPTY)
const empty = { scrolled: await scrolling(), typed: await typing(10_000) }
await page.close()

page = await context.newPage()
debug = await context.newCDPSession(page)
await page.goto(url)
await page.locator('.row').first().waitFor()
await pause(1000)
const first = await paints()
tell('largest contentful paint', first.largest, 300, 'ms')
tell('layout shift', first.shift, 0.02, '')
tell(`${FACTORIES} factories, rows painted`, first.rows, 500, 'ms')
const elements = () => page.evaluate(() => document.querySelectorAll('*').length)
tell('elements in the page', await elements(), 3000, '')
await page.getByRole('button', { name: 'Expand all' }).click()
tell('elements in the page, all expanded', await elements(), 3000, '')
await page.getByRole('button', { name: 'Collapse all' }).click()

const scrolled = await scrolling()
tellFrames('scrolling', scrolled, empty.scrolled)

await page.getByRole('button', { name: 'New factory' }).click()
const timer = setInterval(change, 1000 / CHANGES_PER_SECOND)
const loaded = await typing(LOAD_SECONDS * 1000)
clearInterval(timer)
tellFrames(`under ${CHANGES_PER_SECOND} changes a second`, loaded.frames, empty.typed.frames)
tell(
  'key to paint p95',
  quantile(loaded.keys, 0.95),
  50,
  `ms of ${loaded.keys.length} keys`,
  quantile(empty.typed.keys, 0.95),
)

if (MINUTES > 0) {
  const early = await heap()
  const timer = setInterval(change, 1000 / CHANGES_PER_SECOND)
  await pause(MINUTES * 60_000)
  clearInterval(timer)
  const late = await heap()
  console.log(
    `      heap ${round(early)} MiB after a minute, ${round(late)} MiB ${MINUTES} minutes later`,
  )
  tell('growth of the heap', (late / early - 1) * 100, 10, '%')
}
await browser.close()
stage.stop()
process.exitCode = missed > 0 ? 1 : 0
