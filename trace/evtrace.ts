/**
 * The `.evtrace` file (docs/evtrace.md): a recording in checked chunks, written as it comes and readable up to wherever
 * it was cut.
 */
export {
  CHUNK_HEAD_BYTES,
  EVTRACE_VERSION,
  FILE_HEAD_BYTES,
  MAX_BEGINNING_BYTES,
  MAX_CHUNK_BYTES,
  MAX_TEXT_CHUNK_BYTES,
} from './evtrace/format.js';
export { EvtraceStream, decodeEvtrace, type EvtraceReading } from './evtrace/reader.js';
export { EvtraceWriter, encodeEvtrace } from './evtrace/writer.js';
