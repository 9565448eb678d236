/**
 * Two people look at a stage that is developed on, A and B, who share no storage. A has typed a name that B must not see;
 * it must outlast every save.
 *
 * In: SITE_URL; SCREENSHOT where wanted; commands on standard input, one a line. Out: a line of JSON for each, and one
 * before the first, when both pages are live.
 *
 *   save   a component's template is saved: { milliseconds } until A shows it
 *   live   B creates a factory and removes it: { milliseconds } until A shows it
 *   leave  the end; the component is as it was
 *
 * Each answer has `faults`: what has gone wrong in a page since the last one.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { launchBrowser } from './browser.mjs'
import { TreePage } from './treePage.mjs'

/** What is not shown by then is not shown at all. */
const PATIENCE_MS = 60_000
/**
 * Between two saves. Vite's watcher may miss one that comes within some 50 ms of another, or as soon as that is shown: 5 of
 * 23 here, and none of 28 that came later.
 */
const SETTLED_MS = 250
/** The component holds what A has typed. */
const COMPONENT = fileURLToPath(new URL('../src/components/CreationForm.vue', import.meta.url))
const HEADING = ':class="{ closed: !isOpen }">New factory</h2>'
const TYPED = 'typed and not sent'

const { SITE_URL, SCREENSHOT } = process.env
if (!SITE_URL) {
  console.error('SITE_URL is not set: name the address of a stage that `factory-tree dev` follows')
  process.exit(2)
}

const browser = await launchBrowser()
const component = readFileSync(COMPONENT, 'utf8')
let saves = 0
let creations = 0

/** @param {string} label */
async function openPage(label) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = new TreePage(label, await context.newPage())
  await page.open(SITE_URL ?? '')
  await page.mark()
  return page
}

/** The field of the form in which A has typed. */
function typedField() {
  return a.page.locator('#creation').getByLabel('Name')
}

async function save() {
  await pause(SETTLED_MS)
  saves += 1
  const heading = a.page.getByRole('heading', { name: `New factory, save ${saves}`, exact: true })
  return measure(
    async () =>
      writeFileSync(
        COMPONENT,
        component.replace(HEADING, HEADING.replace('</h2>', `, save ${saves}</h2>`)),
      ),
    () => heading.waitFor(),
  )
}

async function live() {
  creations += 1
  const factory = { name: `Live ${creations}`, lower: 1, upper: 6, count: 3 }
  await Promise.all([a.waitUntilLive(), b.waitUntilLive()])
  const milliseconds = await measure(
    () => b.create(factory),
    () => a.row(factory).waitFor(),
  )
  await b.removeCreated()
  await a.row(factory).waitFor({ state: 'detached' })
  return milliseconds
}

/**
 * Returns how long it takes from an action to its effect.
 *
 * @param {() => Promise<void>} act @param {() => Promise<void>} appear
 */
async function measure(act, appear) {
  const start = performance.now()
  await Promise.all([act(), appear()])
  return Math.round(performance.now() - start)
}

/** Returns what went wrong since the last call. */
async function takeFaults() {
  const faults = [a, b].flatMap((page) => page.complaints.splice(0))
  for (const page of [a, b]) {
    if (!(await page.isMarked())) {
      faults.push(`${page.label}: the page was loaded anew`)
      await page.mark()
    }
  }
  if ((await typedField().inputValue()) !== TYPED) {
    faults.push('A: what was typed is gone')
  }
  return faults
}

/** @param {string} command */
async function obey(command) {
  const commands = { save, live, leave: async () => undefined }
  const milliseconds = await commands[/** @type {keyof typeof commands} */ (command)]()
  return { milliseconds, faults: await takeFaults() }
}

const a = await openPage('A')
const b = await openPage('B')
await a.openForm()
await typedField().fill(TYPED)

try {
  console.log(JSON.stringify({ faults: await takeFaults() }))
  for await (const command of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await obey(command)))
    if (SCREENSHOT) {
      await a.page.screenshot({ path: SCREENSHOT })
    }
    if (command === 'leave') {
      break
    }
  }
} finally {
  writeFileSync(COMPONENT, component)
  await browser.close()
  // Whoever gives the commands may hold the pipe open.
  process.stdin.destroy()
}
