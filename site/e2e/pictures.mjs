/**
 * Takes a picture of every state of the page, on a stage of one process, where a state is made at will.
 *
 * In: the built site (`npm run build`, or the folder DIST); names of states, or none for all. Out: the pictures in
 * `docs/page/`, a line for each, and in `fonts.json` by which fonts they are known to be comparable.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { launchBrowser } from './browser.mjs'
import { textWidth } from './compare.mjs'
import { FakeStage } from './fake/stage.mjs'
import { DESK, enter, STATES } from './states.mjs'
import { TreePage } from './treePage.mjs'

const DIST = process.env['DIST'] ?? fileURLToPath(new URL('../dist', import.meta.url))
const FOLDER = process.env['FOLDER'] ?? fileURLToPath(new URL('../../docs/page', import.meta.url))
const wanted = process.argv.slice(2)

const stage = new FakeStage(DIST)
const url = await stage.start()
const browser = await launchBrowser()
if (wanted.length === 0) {
  const fonts = fileURLToPath(new URL('./fonts.json', import.meta.url))
  writeFileSync(fonts, `{ "textWidth": ${await textWidth(await browser.newPage())} }\n`)
}
mkdirSync(FOLDER, { recursive: true })

for (const state of STATES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const context = await browser.newContext({ ...DESK, ...state.options })
  const tree = new TreePage(state.name, await context.newPage())
  await enter(state, tree, stage, url)
  await tree.page.screenshot({ path: join(FOLDER, `${state.name}.png`) })
  await context.close()
  console.log(`picture ${state.name}`)
}
await browser.close()
stage.stop()
