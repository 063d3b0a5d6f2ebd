export const REPOSITORY: string;
export const COMPILED: string;
export const COUNTED: string;
export const TRANSFORM: object;
export const SOURCES: RegExp;
