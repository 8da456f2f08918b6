// Draws the answer. Rows are kept and moved, so that bars grow and shrink while a text is typed.

const SHOWN = 5;

export class Bars {
  /**
   * @param {HTMLElement} place where the tables stand.
   * @param {HTMLButtonElement} more shows and hides the rest of the labels.
   */
  constructor(place, more) {
    this.place = place;
    this.more = more;
    this.rows = new Map();
    this.isOpen = false;
    more.addEventListener('click', () => {
      this.isOpen = !this.isOpen;
      this.fold();
    });
  }

  /** Shows the heads of `decide`. */
  show(heads) {
    const groups = heads.map((head) => {
      const rows = head.outputs.map((output) => this.row(head, output));
      const list = this.list(head, heads.length > 1);
      list.append(...rows);
      return list;
    });
    this.heads = heads;
    this.place.replaceChildren(...groups.map((list) => list.parentElement));
    this.fold();
  }

  list(head, isNamed) {
    const key = `list ${head.name}`;
    if (!this.rows.has(key)) {
      const list = element('ul', 'bars');
      list.setAttribute('aria-label', isNamed ? head.name : 'All labels');
      const group = element('div', 'group');
      if (isNamed) group.append(element('h2', '', head.name));
      group.append(list);
      this.rows.set(key, list);
    }
    return this.rows.get(key);
  }

  row(head, { label, score, threshold, decided }) {
    const key = `row ${head.name} ${label}`;
    if (!this.rows.has(key)) this.rows.set(key, emptyRow(label, head, threshold));
    const row = this.rows.get(key);
    const isNumber = head.task === 'regression';
    row.classList.toggle('decided', decided);
    row.querySelector('.score').textContent = isNumber ? score.toFixed(2) : percent(score);
    row.querySelector('.said').textContent = decided ? ', applies' : '';
    if (!isNumber) row.querySelector('.fill').style.width = `${100 * score}%`;
    return row;
  }

  /** Hides all but the first rows of each head, and what is decided. */
  fold() {
    let hidden = 0;
    for (const { name, task, outputs } of this.heads ?? []) {
      outputs.forEach(({ label, decided }, index) => {
        const isRest = task !== 'regression' && index >= SHOWN && !decided;
        hidden += isRest;
        this.rows.get(`row ${name} ${label}`).hidden = isRest && !this.isOpen;
      });
    }
    this.more.hidden = hidden === 0;
    this.more.textContent = this.isOpen ? 'Show fewer' : `Show ${hidden} more`;
    this.more.setAttribute('aria-expanded', String(this.isOpen));
  }
}

function emptyRow(label, head, threshold) {
  const row = element('li', '');
  const name = element('span', 'label', label);
  name.append(element('span', 'unseen said'));
  row.append(name);
  if (head.task !== 'regression') {
    const bar = element('span', 'bar');
    bar.append(element('span', 'fill'));
    if (threshold !== null) {
      const mark = element('span', 'mark');
      mark.style.left = `${100 * threshold}%`;
      bar.append(mark);
      bar.title = `applies from ${percent(threshold)}`;
    }
    row.append(bar);
  }
  row.append(element('span', 'score'));
  return row;
}

export function element(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function percent(share) {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
