import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { chromium } from 'playwright-core'

const DEBIAN_CHROMIUM = '/usr/bin/chromium'

/**
 * Only what a container and a closed network need. Not the arguments that @sparticuz/chromium proposes:
 * they switch off web security, and with it CORS and part of what this story is about.
 */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the first browser that is there: `CHROMIUM`, Debian's, the one from npm. */
export async function launchBrowser() {
  const executablePath = await findBrowser()
  console.error(`browser ${executablePath}`)
  return chromium.launch({ executablePath, args: ARGUMENTS })
}

async function findBrowser() {
  const { CHROMIUM } = process.env
  if (CHROMIUM) {
    return CHROMIUM
  }
  if (existsSync(DEBIAN_CHROMIUM)) {
    return DEBIAN_CHROMIUM
  }
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  const version = JSON.parse(manifest).devDependencies['@sparticuz/chromium']
  const folder = join(tmpdir(), `chromium-${version}`)
  if (!existsSync(folder)) {
    await unpackBrowser(folder)
  }
  return join(folder, 'chromium')
}

/**
 * Unpacks the browser from npm into a folder that is there as a whole or not at all: the package itself hands out a program
 * that another process is still writing.
 *
 * @param {string} folder
 */
async function unpackBrowser(folder) {
  const { default: packaged } = await import('@sparticuz/chromium')
  const { TMPDIR } = process.env
  const unpacked = await mkdtemp(`${folder}-`)
  try {
    // It has no other setting for the place.
    process.env['TMPDIR'] = unpacked
    await packaged.executablePath()
    await rename(unpacked, folder)
  } catch (error) {
    if (!existsSync(folder)) {
      throw error
    }
    // Another process was first.
  } finally {
    if (TMPDIR === undefined) {
      delete process.env['TMPDIR']
    } else {
      process.env['TMPDIR'] = TMPDIR
    }
    await rm(unpacked, { recursive: true, force: true })
  }
}
