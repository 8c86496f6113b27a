"""邀请: posters with a code, who brought whom, and the thanks for it."""
