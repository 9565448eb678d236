/**
 * The page on a stage of one process, where every state is made at will: each state in each theme, all that a person can
 * do by keys alone, two who edit at once, and a minute offline.
 *
 * In: the built site (`npm run build`, or the folder DIST); CHROMIUM, ARTIFACTS and LATE_MS where wanted; names of states, `stories`
 * for what is done in several (`servers` or `appsync` for one kind of live channel, `events` for what only the second does,
 * `looks` and `sign-in` for these), or none for all. Out: a line for each step, a summary, and status 1 when a step failed.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { launchBrowser } from './browser.mjs'
import { difference, textWidth } from './compare.mjs'
import { FakeStage } from './fake/stage.mjs'
import { Report } from './report.mjs'
import { firstLoadBytes, MOST_BYTES } from './size.mjs'
import { DESK, enter, plant, STATES } from './states.mjs'
import { showEvents } from './steps/events.mjs'
import { showFaultsMended } from './steps/faults.mjs'
import { showEverythingByKeys } from './steps/keys.mjs'
import { showLooks } from './steps/looks.mjs'
import { showSignIn, showTwoHours } from './steps/signIn.mjs'
import { checkNames, checkRules, checkStops, THEMES } from './steps/states.mjs'
import { showMinuteOffline, showTwoEditors } from './steps/together.mjs'
import { TreePage } from './treePage.mjs'

/** A step that hangs fails by then. */
const PATIENCE_MS = 60_000
/** The share of pixels in which a picture may differ from the one that is kept. */
const TOLERANCE = 0.005
const DIST = process.env['DIST'] ?? fileURLToPath(new URL('../dist', import.meta.url))
const PICTURES = fileURLToPath(new URL('../../docs/page', import.meta.url))
const FONTS = fileURLToPath(new URL('./fonts.json', import.meta.url))
const wanted = process.argv.slice(2)

const stage = new FakeStage(DIST)
const url = await stage.start()
const browser = await launchBrowser()
const canvas = await browser.newPage()
const areFontsSame = JSON.parse(readFileSync(FONTS, 'utf8')).textWidth === (await textWidth(canvas))
/** @type {TreePage[]} */
const pages = []
const report = new Report(pages)

/** @param {string} label @param {import('playwright-core').BrowserContextOptions} [options] */
async function openPage(label, options) {
  const context = await browser.newContext({ ...DESK, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  const tree = new TreePage(label, await context.newPage())
  pages.push(tree)
  return tree
}

async function closePages() {
  await Promise.all(pages.splice(0).map(({ page }) => page.context().close()))
}

/** Fails when something hangs, as a script in a page may. @param {() => Promise<void>} act */
function inTime(act) {
  const late = pause(PATIENCE_MS, undefined, { ref: false }).then(() => {
    throw new Error(`not done after ${PATIENCE_MS / 1000} s`)
  })
  return Promise.race([act(), late])
}

/** @param {import('./states.mjs').State} state */
async function showState(state) {
  const tree = await openPage(state.name, state.options)
  const debug = await tree.page.context().newCDPSession(tree.page)
  await report.step(`${state.name}: the page gets into this state`, () =>
    enter(state, tree, stage, url),
  )
  if (areFontsSame) {
    await report.step(`${state.name}: looks like its picture`, async () => {
      const now = await tree.page.screenshot()
      const kept = readFileSync(join(PICTURES, `${state.name}.png`))
      const share = await difference(canvas, kept, now)
      assert.ok(share <= TOLERANCE, `${(share * 100).toFixed(2)} % of the pixels differ`)
    })
  }
  for (const theme of state.isLookOnly ? [] : THEMES) {
    await tree.page.emulateMedia(theme)
    const name = theme.forcedColors === 'active' ? 'forced colours' : theme.colorScheme
    await report.step(`${state.name}, ${name}: axe, names and keys`, () =>
      inTime(async () => {
        await checkRules(tree.page)
        await checkNames(debug)
        await checkStops(tree.page)
      }),
    )
  }
  await closePages()
}

/** What is done in several states, on a stage with this kind of live channel. @param {'servers' | 'appsync'} live */
async function tellStories(live) {
  const start = async () => {
    await closePages()
    stage.reset()
    stage.live = live
    plant(stage)
  }
  await start()
  const alone = await openPage('keys')
  await alone.open(url)
  if (live === 'servers') {
    await report.step('a page that loads reads nothing from the table', async () =>
      assert.equal(stage.tableReads, 0),
    )
    await report.step('the first rows wait for little JavaScript', async () => {
      const bytes = firstLoadBytes(DIST)
      assert.ok(bytes <= MOST_BYTES, `${bytes} bytes, gzipped: at most ${MOST_BYTES} are allowed`)
      return `${bytes} bytes, gzipped`
    })
    await report.step('without sign-in, nothing of it is loaded', async () => {
      const loaded = await alone.page.evaluate(() =>
        performance.getEntriesByType('resource').map(({ name }) => name),
      )
      assert.deepEqual(
        loaded.filter((name) => /sign-?in|oidc/i.test(name)),
        [],
      )
    })
  }
  await showEverythingByKeys(report, alone, stage)

  await start()
  const one = await openPage('one')
  await one.open(url)
  await showFaultsMended(report, one, stage)

  await start()
  const [a, b] = [await openPage('A'), await openPage('B')]
  await a.page.clock.install()
  await Promise.all([a.open(url), b.open(url)])
  await showTwoEditors(report, a, b, stage)
  await showMinuteOffline(report, a, b, stage)

  await closePages()
}

async function tellOfEvents() {
  stage.reset()
  stage.live = 'appsync'
  plant(stage)
  const listener = await openPage('events')
  await listener.page.clock.install()
  await showEvents(report, listener, stage, url)
  await closePages()
}

async function tellOfLooks() {
  stage.reset()
  plant(stage)
  await showLooks(report, await openPage('looks'), stage, url)
  await closePages()
}

async function tellOfSignIn() {
  for (const show of [showSignIn, showTwoHours]) {
    stage.reset()
    plant(stage)
    stage.hasSignIn = true
    const visitor = await openPage('visitor')
    await show(report, visitor, stage, url)
    await closePages()
  }
}

if (!areFontsSame) {
  console.log(
    '      pictures are not compared: this machine has other fonts than the one that took them',
  )
}
for (const state of STATES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  await showState(state)
}
for (const live of /** @type {const} */ (['servers', 'appsync'])) {
  if (wanted.length === 0 || wanted.includes('stories') || wanted.includes(live)) {
    report.heading = live
    await tellStories(live)
  }
}
if (wanted.length === 0 || wanted.includes('stories') || wanted.includes('events')) {
  report.heading = 'events'
  await tellOfEvents()
}
if (wanted.length === 0 || wanted.includes('stories') || wanted.includes('looks')) {
  report.heading = 'looks'
  await tellOfLooks()
}
if (wanted.length === 0 || wanted.includes('stories') || wanted.includes('sign-in')) {
  report.heading = 'sign-in'
  await tellOfSignIn()
}
report.summarise()
await browser.close()
stage.stop()
process.exitCode = report.failed > 0 ? 1 : 0
