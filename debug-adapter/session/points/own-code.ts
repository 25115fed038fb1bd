/** Whose code a frame is: what a person wrote, or what stands between it and the target. */
import type { Frame } from '../stacks.js';

/** The header that records a call makes it from a function of its own. */
const TRACE_HEADER = /(^|[\\/])eventscope_trace[^\\/]*\.h$/i;

export const isTraceHeader = (file: string): boolean => TRACE_HEADER.test(file);

/** The innermost frame with source that a person wrote. */
export const ownFrame = (frames: readonly Frame[]): Frame | undefined =>
  frames.find(({ source }) => source?.source !== undefined && !isTraceHeader(source.source.file));
