import { defineConfig, mergeConfig } from 'vitest/config'

import viteConfig from './vite.config.ts'

export default mergeConfig(
  viteConfig,
  defineConfig({
    // Vue Test Utils reads the options API.
    define: { __VUE_OPTIONS_API__: 'true' },
    test: {
      environment: 'happy-dom',
      // Thousands of rows on a busy machine: what hangs fails all the same.
      testTimeout: 20_000,
      include: ['src/**/__tests__/*.spec.ts'],
      coverage: {
        reporter: ['text'],
        include: ['src/**/*.{ts,vue}'],
        exclude: ['**/__tests__/**', 'src/main.ts'],
        thresholds: { statements: 95 },
      },
      restoreMocks: true,
      unstubGlobals: true,
    },
  }),
)
