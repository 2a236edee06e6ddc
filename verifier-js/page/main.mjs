/** The page's program, in its two places: in the document it is the form and the report, in a worker it reads, hashes and verifies. */
import { start } from "./start.mjs";
import { work } from "./worker.mjs";

if (typeof document === "undefined") work(self);
else start();
