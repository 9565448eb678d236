import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, URL } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/** Keeps the development `config.json` out of the build: the deployer writes the real one. */
function withoutDevelopmentConfig(): Plugin {
  let outDir = ''
  return {
    name: 'without-development-config',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir)
    },
    async closeBundle() {
      await rm(join(outDir, 'config.json'), { force: true })
    },
  }
}

/** No part of the code that is loaded later needs a style sheet or another part before it: there is nothing to preload. */
function withoutPreloading(): Plugin {
  return {
    name: 'without-preloading',
    apply: 'build',
    enforce: 'pre',
    load: (id) =>
      id === '\0vite/preload-helper.js'
        ? 'export const __vitePreload = (load) => load()'
        : undefined,
  }
}

export default defineConfig({
  plugins: [vue(), withoutDevelopmentConfig(), withoutPreloading()],
  // The page needs no options API and no devtools: both would be dead weight.
  define: { __VUE_OPTIONS_API__: 'false' },
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    // The page uses features of these browsers without asking for them, such as `DecompressionStream`.
    target: 'baseline-widely-available',
    // Inlined assets would need `data:` in more of the content security policy than images.
    assetsInlineLimit: 0,
    modulePreload: false,
    // One sheet: a part of the code that is loaded later has nothing to wait for but itself.
    cssCodeSplit: false,
  },
})
