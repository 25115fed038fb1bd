/** @returns whether it had to be made */
export function makeTracepointRecorder(): Promise<boolean>;
