/**
 * Two people look at the site in a real browser while it is released again and again: one keeps the page open, one
 * comes back over and over.
 *
 * In: SITE_URL, and commands on standard input, one a line. Out: a line of JSON for each, and one before the first, when
 * both pages are open.
 *
 *   watch  the second page is loaded again and again
 *   stop   … and no more: { visits, releases, faults }
 *   look   it is loaded once: { release, faults }
 *   leave  what the first page has to say, which was open all the time: { release, faults }; the end
 *
 * Each page, script and style of the site tells its release: `meta[name=release]`, `globalThis.release.number`, and the
 * style's `--release`. The script loads a part of its own release when it is asked: `globalThis.release.later()`.
 */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

import { launchBrowser } from './browser.mjs'
import { TreePage } from './treePage.mjs'

/** @typedef {import('playwright-core').Page} Page */

/** A page that is not live by then is broken. */
const PATIENCE_MS = 60_000

/** Between two visits. */
const PAUSE_MS = 250

const { SITE_URL } = process.env
if (!SITE_URL) {
  console.error('SITE_URL is not set: name the address of a site whose parts tell their release')
  process.exit(2)
}

/** A person with a page, and what went wrong with it. */
class Visitor {
  /** @param {TreePage} tree */
  constructor(tree) {
    this.tree = tree
    this.page = tree.page
    /** @type {string[]} */
    this.faults = []
    this.page.on('response', (response) => {
      if (response.status() >= 400) {
        this.faults.push(`${response.url()} answers ${response.status()}`)
      }
    })
    this.page.on('requestfailed', (request) => {
      const reason = request.failure()?.errorText ?? ''
      // What a page still waits for when it is left is nobody's fault.
      if (reason !== 'net::ERR_ABORTED') {
        this.faults.push(`${request.url()}: ${reason}`)
      }
    })
  }

  /** Loads the page and returns the release that all of it is of, if it is of one. */
  async visit() {
    try {
      await this.page.goto(SITE_URL ?? '')
      await this.tree.waitUntilLive()
    } catch (error) {
      this.faults.push(`the page does not go live: ${firstLine(error)}`)
      return undefined
    }
    return this.release()
  }

  /** The release that page, script and style are of. */
  async release() {
    const told = await this.page.evaluate(() => [
      document.querySelector('meta[name=release]')?.getAttribute('content'),
      Reflect.get(globalThis, 'release')?.number,
      globalThis.getComputedStyle(document.documentElement).getPropertyValue('--release').trim(),
    ])
    if (new Set(told).size !== 1) {
      this.faults.push(`not of one release: ${told.join(', ')}`)
      return undefined
    }
    return told[0]
  }

  /** Lets the page load the part that it has not needed yet. */
  async loadLater() {
    const told = await this.page
      .evaluate(() => Reflect.get(globalThis, 'release').later())
      .catch((error) => this.faults.push(`the later part is missing: ${firstLine(error)}`))
    const release = await this.release()
    if (told !== release) {
      this.faults.push(`the later part of ${release} is of ${told}`)
    }
  }

  /** Returns what went wrong since the last call. */
  takeFaults() {
    return [...this.faults.splice(0), ...this.tree.complaints.splice(0)]
  }
}

/** @param {unknown} error */
function firstLine(error) {
  return error instanceof Error ? error.message.split('\n')[0] : String(error)
}

/** @param {object} document */
function answer(document) {
  console.log(JSON.stringify(document))
}

const browser = await launchBrowser()

/** @param {string} label */
async function openVisitor(label) {
  const context = await browser.newContext()
  context.setDefaultTimeout(PATIENCE_MS)
  const visitor = new Visitor(new TreePage(label, await context.newPage()))
  await visitor.visit()
  return visitor
}

/** The first page hears live of what the second one makes, and loads what it has not needed yet. */
async function leave() {
  const factory = { name: 'After fifty releases', lower: 1, upper: 6, count: 3 }
  await visitor.tree.create(factory)
  await stayer.tree.row(factory).waitFor()
  await visitor.tree.removeCreated()
  await stayer.loadLater()
  if (!(await stayer.tree.isMarked())) {
    stayer.faults.push('the page was loaded anew')
  }
}

const stayer = await openVisitor('the page that stays open')
await stayer.tree.mark()
const visitor = await openVisitor('the page that comes back')
answer({ faults: [...stayer.takeFaults(), ...visitor.takeFaults()] })

let watches = false
/** @type {Promise<(string | undefined)[]>} */
let visits = Promise.resolve([])

async function watch() {
  const releases = []
  while (watches) {
    releases.push(await visitor.visit())
    // The releases need the processor too.
    await pause(PAUSE_MS)
  }
  return releases
}

/** @type {Record<string, () => Promise<object>>} */
const commands = {
  watch: async () => {
    watches = true
    visits = watch()
    return {}
  },
  stop: async () => {
    watches = false
    const seen = await visits
    return { visits: seen.length, releases: [...new Set(seen)], faults: visitor.takeFaults() }
  },
  look: async () => ({ release: await visitor.visit(), faults: visitor.takeFaults() }),
  leave: async () => {
    await leave()
    return { release: await stayer.release(), faults: stayer.takeFaults() }
  },
}

try {
  for await (const command of createInterface({ input: process.stdin })) {
    answer((await commands[command]?.()) ?? { faults: [`there is no command ${command}`] })
    if (command === 'leave') {
      break
    }
  }
} finally {
  watches = false
  await browser.close()
  // Whoever gives the commands may hold the pipe open.
  process.stdin.destroy()
}
