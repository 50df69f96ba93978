/* Copy buttons: the clipboard where the browser allows it, else the text is selected for the reader to copy. */

async function copyFrom(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.firstChild;
  const before = label.textContent;
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    done = "Selected";
  }
  label.textContent = done;
  setTimeout(() => { label.textContent = before; }, 1500);
}
