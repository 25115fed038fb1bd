/** The symbol worker without a bundle, as tests run it: its thread has to learn TypeScript first. */
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
