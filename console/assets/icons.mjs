// Draws the icons of the installed page from the logo.
import { readFileSync, writeFileSync } from "node:fs";
import { Resvg } from "@resvg/resvg-js";

const [logo, folder] = process.argv.slice(2);
for (const size of [192, 512]) {
  const drawing = new Resvg(readFileSync(logo, "utf8"), { fitTo: { mode: "width", value: size } });
  writeFileSync(`${folder}/icon-${size}.png`, drawing.render().asPng());
}
