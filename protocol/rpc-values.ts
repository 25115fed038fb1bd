/** Schemas of single values that the tables of requests share. */
import * as v from 'valibot';

export const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
export const u64 = v.pipe(v.bigint(), v.minValue(0n), v.maxValue(0xffff_ffff_ffff_ffffn));
export const i64 = v.bigint();
export const text = v.pipe(v.string(), v.maxLength(32_768));
export const bytes = v.instance(Uint8Array);
export const ok = v.strictObject({});
