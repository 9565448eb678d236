/**
 * A person keeps the page open while its stage goes over from one kind of live channel to the other.
 *
 * In: SITE_URL, and commands on standard input, one a line. Out: a line of JSON for each, and one before the first, when
 * the page is live.
 *
 *   keep NAME   from now on the page must never be without this factory
 *   live        the page is live again: { faults }
 *   shows NAME  the page shows this factory: { faults }
 *   leave       what went wrong all the time: { faults }; the end
 */
import { createInterface } from 'node:readline'

import { launchBrowser } from './browser.mjs'
import { TreePage } from './treePage.mjs'

/** What is not there by then does not come. */
const PATIENCE_MS = 30_000

const { SITE_URL } = process.env
if (!SITE_URL) {
  console.error('SITE_URL is not set: name the address of the site')
  process.exit(2)
}

const browser = await launchBrowser()
// High enough for all rows: those that are out of sight are not in the page.
const context = await browser.newContext({ viewport: { width: 1200, height: 3000 } })
context.setDefaultTimeout(PATIENCE_MS)
const tree = new TreePage('the page that stays open', await context.newPage())

/** The factories that the page was without. @type {Set<string>} */
const missed = new Set()
await context.exposeFunction('noteMiss', (/** @type {string} */ name) => missed.add(name))

/** Notes when the page is without a factory that it has shown. @param {string} name */
async function keep(name) {
  await tree.entry(name).waitFor()
  await tree.page.evaluate((name) => {
    const look = () => {
      if (!document.body.innerText.includes(name)) {
        Reflect.get(globalThis, 'noteMiss')(name)
      }
    }
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true })
  }, name)
}

/** @param {Promise<unknown>} sight @param {string} what */
async function judge(sight, what) {
  const seen = await sight.then(
    () => true,
    () => false,
  )
  return { faults: seen ? [] : [`${tree.label} ${what} is not`] }
}

async function leave() {
  const faults = [...missed].map((name) => `${name} was gone for a moment`)
  if (!(await tree.isMarked())) {
    faults.push('the page was loaded anew')
  }
  // Browsers log each connection that fails; while there is none that is as it must be.
  const complaints = tree.complaints.filter(
    (line) => !/WebSocket|Failed to load resource/.test(line),
  )
  return { faults: [...faults, ...complaints] }
}

/** @type {Record<string, (name: string) => Promise<object>>} */
const commands = {
  keep: async (name) => {
    await keep(name)
    return { faults: [] }
  },
  live: () => judge(tree.waitUntilLive(), 'should be live and'),
  shows: (name) => judge(tree.entry(name).waitFor(), `should show ${name} and`),
  leave,
}

/** @param {object} document */
function answer(document) {
  console.log(JSON.stringify(document))
}

try {
  await tree.open(SITE_URL)
  await tree.mark()
  answer({ faults: [] })
  for await (const line of createInterface({ input: process.stdin })) {
    const [command = '', ...name] = line.split(' ')
    answer(
      (await commands[command]?.(name.join(' '))) ?? { faults: [`there is no command ${command}`] },
    )
    if (command === 'leave') {
      break
    }
  }
} finally {
  await browser.close()
  // Whoever gives the commands may hold the pipe open.
  process.stdin.destroy()
}
