/** Bytes of one exchange over KDCOM that reads 8 bytes: a request of 73 or an answer of 81, each with an acknowledgement of 16. */
export const EXCHANGE_BYTES = { request: 89, answer: 97 } as const;
