/** All that only a stage with sign-in loads. */
export { default as AccessNotice } from '@/components/AccessNotice.vue'
export { default as AccountControl } from '@/components/AccountControl.vue'
export { openSession } from '@/composables/useSession'
