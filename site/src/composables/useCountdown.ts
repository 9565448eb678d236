import { computed, onScopeDispose, ref, type ComputedRef } from 'vue'

/** Counts the seconds until a time in milliseconds since 1970; 0 when it has come, or when there is none. */
export function useCountdown(until: () => number | undefined): ComputedRef<number> {
  const now = ref(Date.now())
  const timer = setInterval(() => (now.value = Date.now()), 500)
  onScopeDispose(() => clearInterval(timer))

  return computed(() => Math.max(0, Math.ceil(((until() ?? 0) - now.value) / 1000)))
}
