// SPDX-License-Identifier: GPL-2.0
// The pictures of the page that vmwalk map --html writes. docs/map.md describes
// them and the data.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 640, TILE = 20, MIN_WIDTH = 4, EMPTY_WIDTH = 12, GAP_WIDTH = 3;
const BODY = 20, STRIP = 5, MIN_HEIGHT = 2;
const MAX_TILES = 640, MAX_MEMORY_TILES = 320, EMPTY_BLOCKS = 16, LEVELS = 3;
const BREAK = 2 ** 30 / data.page, MAX_BREAKS = 8;
const NODE_COLOURS = 8, FRAMES = 5; // classes with frames come first

// Decode the data. Addresses are numbers of pages, which are exact in a double.

function decodeMappings()
{
	const mappings = [], flat = data.mappings;
	let end = 0;

	for (let i = 0; i < flat.length; i += 4) {
		const start = end + flat[i];

		end = start + flat[i + 1];
		mappings.push({start, end, perms: data.perms[flat[i + 2]], name: data.names[flat[i + 3]]});
	}
	return mappings;
}

// The first mapping that ends above an address
function findMapping(addr)
{
	let low = 0, high = mappings.length;

	while (low < high) {
		const middle = (low + high) >> 1;

		if (mappings[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

function decodePairs(flat, i, count)
{
	const pairs = [];

	for (; count; count--, i += 2)
		pairs.push([flat[i], flat[i + 1]]);
	return pairs;
}

// Cells: gap, size, number of shares, shares; if there are any: flags, whether
// frames follow; lowest PFN, size, scattered, shift and number of links, links
function decodeCells()
{
	const cells = [], flat = data.cells;
	let end = 0;

	for (let i = 0; i < flat.length;) {
		const start = end + flat[i], count = flat[i + 2];
		const cell = {start, end: start + flat[i + 1], shares: decodePairs(flat, i + 3, count),
			      links: []};

		end = cell.end;
		cell.size = end - start;
		cell.group = findMapping(start);
		i += 3 + 2 * count;
		if (count) {
			cell.flags = flat[i];
			if (flat[i + 1]) {
				cell.low = flat[i + 2];
				cell.high = cell.low + flat[i + 3];
				cell.scattered = flat[i + 4];
				cell.linkSize = 2 ** flat[i + 5];
				cell.links = decodePairs(flat, i + 7, flat[i + 6]);
				i += 5 + 2 * flat[i + 6];
			}
			i += 2;
		}
		cells.push(cell);
	}
	return cells;
}

// Blocks: gap, size, pages of memory, number of classes, classes
function decodeBlocks()
{
	const blocks = [], flat = data.blocks;
	let end = 0, i = 0;

	data.regions.forEach((region, group) => {
		for (let count = region.blocks; count; count--) {
			const start = end + flat[i], used = decodePairs(flat, i + 4, flat[i + 3]);

			end = start + flat[i + 1];
			blocks.push({start, end, size: flat[i + 2], group, used});
			i += 4 + 2 * flat[i + 3];
		}
	});
	return blocks;
}

const mappings = decodeMappings();
const cells = decodeCells();
const blocks = decodeBlocks();

// Text

function amount(pages)
{
	let value = pages * data.page, unit = 0;

	// 1023.95 would be rounded to 1024.
	for (; value >= (unit ? 1023.95 : 1024) && unit < 6; unit++)
		value /= 1024;
	return `${+value.toFixed(1)} ${['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'][unit]}`;
}

function hex(pages)
{
	return '0x' + (BigInt(pages) * BigInt(data.page)).toString(16);
}

function nameOf(group, addr)
{
	const mapping = mappings[group];

	return mapping && mapping.start <= addr ? mapping.name : 'unknown';
}

// Layout: see map_layout.c, which does the same for the static picture

function makeTiles(items, unit, shared, compress)
{
	const tiles = [];
	let tile = null;

	items.forEach(([item, index, from, to]) => {
		if (compress && !item.shares.length && to - from >= EMPTY_BLOCKS * unit) {
			tile = null;
			tiles.push({start: from, end: to, size: to - from, first: index, last: index,
				    group: item.group, empty: true});
			return;
		}
		for (let start = from, end; start < to; start = end) {
			const block = Math.floor(start / unit);

			// Only a cell without pages can be in several units.
			end = compress ? Math.min(to, (block + 1) * unit) : to;
			if (!tile || tile.block !== block || (!shared && tile.group !== item.group)) {
				tile = {start, size: 0, first: index, block, group: item.group};
				tiles.push(tile);
			}
			tile.end = end;
			tile.size += compress ? end - start : item.size;
			tile.last = index;
		}
	});
	return tiles;
}

function placeTiles(tiles, unit, full, regions)
{
	const gaps = tiles.slice(1).map((tile, i) => tile.start - tiles[i].end);
	let breakGap = regions ? Infinity : BREAK, row = 0, x = 0;

	while (gaps.filter((gap) => gap >= breakGap).length > MAX_BREAKS)
		breakGap *= 2;
	tiles.forEach((tile, i) => {
		tile.gap = i ? gaps[i - 1] : 0;
		tile.width = tile.empty ? EMPTY_WIDTH : Math.max(MIN_WIDTH, full * tile.size / unit);
		x += tile.gap ? GAP_WIDTH : 0;
		tile.breaks = i > 0 && tile.gap >= breakGap;
		if (i && (x + tile.width > WIDTH + .5 || tile.breaks ||
			  (regions && tile.group !== tiles[i - 1].group))) {
			row++;
			x = 0;
		}
		tile.row = row;
		tile.x = x;
		x += tile.width;
	});
}

// Pictures

class Picture {
	// kind: 'cells' or 'blocks'
	constructor(kind, items) {
		this.kind = kind;
		this.items = items;
		this.memory = kind === 'blocks';
		this.figure = document.getElementById(kind);
		this.rows = this.figure.querySelector('.rows');
		this.figure.querySelector('figcaption').hidden = false;
		this.zoomed = []; // ranges of the levels that are open
		this.figure.querySelector('.out').addEventListener('click', () => this.zoomOut());
		this.rows.addEventListener('mouseover', (event) => this.point(event));
		this.rows.addEventListener('mouseleave', () => show(pinned));
		this.rows.addEventListener('focusin', (event) => this.point(event));
		this.rows.addEventListener('click', (event) => this.point(event, true));
		this.rows.addEventListener('keydown', (event) => this.key(event));
		this.draw();
	}

	visible() {
		const range = this.zoomed[this.zoomed.length - 1];
		const items = [];

		this.items.forEach((item, i) => {
			const from = range ? Math.max(item.start, range.start) : item.start;
			const to = range ? Math.min(item.end, range.end) : item.end;

			if (from < to)
				items.push([item, i, from, to]);
		});
		return items;
	}

	layout() {
		const items = this.visible();
		const groups = new Set(items.map(([item]) => item.group)).size;
		const shared = !this.memory && (data.shared || groups > MAX_TILES / 2);
		const whole = this.memory && !data.frames;

		for (this.unit = this.memory ? data.blockSize : data.cellSize;; this.unit *= 2) {
			this.tiles = makeTiles(items, this.unit, shared, !this.memory);
			if (this.tiles.length <= (this.memory ? MAX_MEMORY_TILES : MAX_TILES) || this.unit > 2 ** 52)
				break;
		}
		this.shared = shared;
		const full = whole ? Math.max(...this.tiles.map((tile) => tile.size)) : this.unit;

		placeTiles(this.tiles, full, whole ? WIDTH : TILE, this.memory);
	}

	// Pages of a tile by class and node
	sums(tile) {
		const sums = {classes: new Array(data.classes.length).fill(0), nodes: [], all: 0, frames: 0};

		for (let i = tile.first; i <= tile.last; i++) {
			const item = this.items[i];

			(this.memory ? item.used : item.shares).forEach(([number, pages]) => {
				const part = this.memory ? {class: number} : data.parts[number];

				sums.classes[part.class] += pages;
				sums.all += pages;
				if (this.memory || part.class >= FRAMES)
					return;
				sums.frames += pages;
				sums.nodes[part.node] = (sums.nodes[part.node] || 0) + pages;
			});
		}
		return sums;
	}

	draw() {
		this.layout();
		this.rows.replaceChildren();
		for (let first = 0, last; first < this.tiles.length; first = last) {
			last = first + 1;
			while (last < this.tiles.length && this.tiles[last].row === this.tiles[first].row)
				last++;
			this.drawRow(first, last);
		}
		if (this.tiles.length)
			this.tiles[0].element.setAttribute('tabindex', 0);
		this.figure.querySelector('.unit').textContent = this.caption();
		this.figure.querySelector('.out').hidden = !this.zoomed.length;
		show(null);
	}

	caption() {
		const level = `Level ${this.zoomed.length + 1} of ${LEVELS}. `;

		if (this.memory && !data.frames)
			return 'A row is a zone.';
		if (this.memory)
			return level + `One cell is ${amount(this.unit)} of memory.`;
		return level + `One cell is ${amount(this.unit)} of ${this.shared ? 'one or more mappings' :
			'one mapping'}; a narrow cell is less.`;
	}

	drawRow(first, last) {
		const tile = this.tiles[first], row = document.createElement('div');
		const label = document.createElement('button'), name = document.createElement('span');
		const svg = document.createElementNS(SVG, 'svg');
		const height = this.memory ? BODY : BODY + STRIP;

		if (tile.breaks)
			this.heading(`${amount(tile.gap)} not mapped`);
		if (this.memory && (!first || tile.group !== this.tiles[first - 1].group))
			this.heading(data.regions[tile.group].name);
		row.className = 'row';
		svg.setAttribute('viewBox', `0 0 ${WIDTH} ${height}`);
		svg.setAttribute('preserveAspectRatio', 'none');
		svg.setAttribute('height', height);
		label.textContent = this.memory && !data.frames ? '' : hex(tile.start);
		label.title = 'Enlarge this row';
		label.disabled = !this.canZoom(first, last);
		label.addEventListener('click', () => this.zoomIn(first, last));
		name.textContent = this.memory ? '' : this.rowName(first, last);
		for (let i = first; i < last; i++)
			svg.append(this.drawTile(i));
		row.append(label, svg, name);
		this.rows.append(row);
	}

	heading(text) {
		const element = document.createElement('p');

		element.textContent = text;
		this.rows.append(element);
	}

	// The mapping with the most pages in the row
	rowName(first, last) {
		const pages = new Map();
		let best = null;

		for (let i = this.tiles[first].first; i <= this.tiles[last - 1].last; i++) {
			const cell = this.items[i];
			const sum = cell.shares.reduce((all, share) => all + share[1], pages.get(cell.group) || 0);

			pages.set(cell.group, sum);
			if (!best || sum > best.sum)
				best = {sum, name: nameOf(cell.group, cell.start)};
		}
		// The end of a path. Names in brackets are no paths.
		return best.name.replace(/^(?!\[).*\/(?=.)/, '') + (pages.size > 1 ? `\n+ ${pages.size - 1} more` : '');
	}

	drawTile(i) {
		const tile = this.tiles[i], group = document.createElementNS(SVG, 'g');
		const sums = this.sums(tile);

		tile.element = group;
		group.setAttribute('data-tile', i);
		group.setAttribute('tabindex', -1);
		group.setAttribute('role', 'img');
		group.setAttribute('aria-label', this.memory && !data.frames ? data.regions[tile.group].name :
			`${hex(tile.start)} to ${hex(tile.end)}`);
		rect(group, this.memory ? 'ram' : tile.empty ? 'empty' : 'none', tile.x, 0, tile.width, BODY);
		this.stack(group, tile, sums);
		let x = tile.x;

		sums.nodes.forEach((pages, node) => {
			const width = tile.width * pages / sums.frames;

			rect(group, `n${node % NODE_COLOURS}`, x, BODY, width, STRIP);
			x += width;
		});
		rect(group, 'line', tile.x, 0, tile.width, BODY);
		return group;
	}

	// A class that is present can be seen; the largest one makes up for it.
	stack(group, tile, sums) {
		const heights = sums.classes.map((pages) => pages && Math.max(MIN_HEIGHT, BODY * pages / tile.size));
		const sum = heights.reduce((all, height) => all + height, 0);
		let bottom = BODY;

		if (sum > BODY)
			heights[heights.indexOf(Math.max(...heights))] -= sum - BODY;
		heights.forEach((height, i) => {
			bottom -= height;
			if (height > 0)
				rect(group, `k${i}`, tile.x, bottom, tile.width, height);
		});
	}

	// Zoom: a row becomes the whole picture

	canZoom(first, last) {
		const size = (this.memory ? data.blockSize : data.cellSize);

		return this.zoomed.length < LEVELS - 1 && this.unit > size &&
			(this.tiles.length > last - first || this.tiles.some((tile) => tile.size > size));
	}

	zoomIn(first, last) {
		if (!this.canZoom(first, last))
			return;
		this.zoomed.push({start: this.tiles[first].start, end: this.tiles[last - 1].end});
		this.redraw();
	}

	zoomOut() {
		if (!this.zoomed.pop())
			return;
		this.redraw();
	}

	redraw() {
		pinned = null;
		this.draw();
		this.tiles[0].element.focus();
	}

	// Events

	point(event, pin) {
		const element = event.target.closest('[data-tile]');

		if (!element)
			return;
		const selection = {picture: this, tile: this.tiles[element.dataset.tile]};

		if (pin)
			pinned = selection;
		show(selection);
	}

	key(event) {
		const element = event.target.closest('[data-tile]');

		if (!element)
			return;
		const i = +element.dataset.tile, row = this.tiles[i].row;
		const first = this.tiles.findIndex((tile) => tile.row === row);
		const last = this.tiles.findLastIndex((tile) => tile.row === row) + 1;
		const actions = {
			ArrowLeft: () => this.focus(i, i - 1),
			ArrowRight: () => this.focus(i, i + 1),
			ArrowUp: () => this.focus(i, this.nearest(row - 1, this.tiles[i].x)),
			ArrowDown: () => this.focus(i, this.nearest(row + 1, this.tiles[i].x)),
			Home: () => this.focus(i, first),
			End: () => this.focus(i, last - 1),
			Enter: () => this.point(event, true),
			' ': () => this.point(event, true),
			'+': () => this.zoomIn(first, last),
			'-': () => this.zoomOut(),
			Escape: () => { pinned = null; show(null); },
		};

		if (!actions[event.key] || event.ctrlKey || event.altKey || event.metaKey)
			return;
		event.preventDefault();
		actions[event.key]();
	}

	nearest(row, x) {
		let best = -1;

		this.tiles.forEach((tile, i) => {
			if (tile.row === row && (best < 0 || Math.abs(tile.x - x) < Math.abs(this.tiles[best].x - x)))
				best = i;
		});
		return best;
	}

	focus(from, to) {
		if (!this.tiles[to])
			return;
		this.tiles[from].element.setAttribute('tabindex', -1);
		this.tiles[to].element.setAttribute('tabindex', 0);
		this.tiles[to].element.focus();
	}
}

function rect(parent, name, x, y, width, height)
{
	const element = document.createElementNS(SVG, 'rect');

	Object.entries({class: name, x, y, width, height})
		.forEach(([key, value]) => element.setAttribute(key, value));
	parent.append(element);
}

// Links between the pictures

// Ranges of blocks that a tile of addresses has frames in: [first, end, pages]
function linksOf(tile)
{
	const links = [];

	for (let i = tile.first; i <= tile.last; i++)
		cells[i].links.forEach(([block, pages]) =>
			links.push([block * cells[i].linkSize, (block + 1) * cells[i].linkSize, pages]));
	return links;
}

function linkedTiles(selection)
{
	const {picture, tile} = selection;

	if (picture.memory)
		return addresses.tiles.filter((other) =>
			linksOf(other).some(([first, end]) => first <= tile.last && end > tile.first));
	if (!memory)
		return [];
	const links = linksOf(tile);

	return memory.tiles.filter((other) =>
		links.some(([first, end]) => first <= other.last && end > other.first));
}

// Details of a tile

function add(list, term, text)
{
	const name = document.createElement('dt'), value = document.createElement('dd');
	const pair = document.createElement('div'); // which is not split between columns

	name.textContent = term;
	value.textContent = text;
	pair.append(name, value);
	list.append(pair);
}

function addSums(list, sums)
{
	sums.classes.forEach((pages, i) => {
		if (pages)
			add(list, data.classes[i], amount(pages));
	});
	sums.nodes.forEach((pages, node) => add(list, node < 0 ? 'node unknown' : `node ${node}`, amount(pages)));
	if (!sums.all)
		add(list, 'pages', 'none');
}

function flagNames(flags)
{
	return data.flags.filter((name, bit) => Math.floor(flags / 2 ** bit) % 2).join(' ');
}

function addFrames(list, tile)
{
	let low = Infinity, high = -1, scattered = false, flags = 0;

	for (let i = tile.first; i <= tile.last; i++) {
		const cell = cells[i];

		flags |= cell.flags || 0;
		if (cell.low === undefined)
			continue;
		scattered ||= cell.scattered || (high >= 0 && cell.low !== high + 1);
		low = Math.min(low, cell.low);
		high = Math.max(high, cell.high);
	}
	if (flags)
		add(list, 'flags of any page', flagNames(flags));
	if (high >= 0 && data.frames)
		add(list, 'frames', `0x${low.toString(16)} to 0x${high.toString(16)}, ` +
			(scattered ? 'not consecutive' : 'consecutive'));
}

function addMappings(list, tile)
{
	const last = findMapping(tile.end - 1);
	let first = findMapping(tile.start), count = 0;

	for (; first <= last && count < 5; first++, count++)
		if (mappings[first] && mappings[first].start < tile.end)
			add(list, 'mapping', `${mappings[first].perms} ${mappings[first].name}`);
	if (first <= last)
		add(list, 'mapping', `${last - first + 1} more`);
}

function addCell(list, tile)
{
	add(list, 'addresses', `${hex(tile.start)} to ${hex(tile.end)}`);
	add(list, 'size', amount(tile.size) + (tile.size < tile.end - tile.start ? ' mapped' : ''));
	addMappings(list, tile);
	addSums(list, addresses.sums(tile));
	addFrames(list, tile);
}

function addBlock(list, tile)
{
	if (data.frames) {
		add(list, 'addresses', `${hex(tile.start)} to ${hex(tile.end)}`);
		add(list, 'frames', `0x${tile.start.toString(16)} to 0x${(tile.end - 1).toString(16)}`);
	}
	add(list, 'zone', data.regions[tile.group].name);
	add(list, 'size', amount(tile.size));
	addSums(list, memory.sums(tile));
}

let pinned = null; // the tile that was clicked

function show(selection)
{
	const list = document.createElement('dl'), info = document.getElementById('info');

	document.querySelectorAll('.linked, .current').forEach((element) =>
		element.classList.remove('linked', 'current'));
	info.replaceChildren();
	if (!selection) {
		info.textContent = 'Point at a cell, or move with the arrow keys, to see its pages here, ' +
			'and where they are in the other picture. Click on an address to enlarge its row (keys + and -).';
		return;
	}
	const {picture, tile} = selection;

	(picture.memory ? addBlock : addCell)(list, tile);
	const linked = linkedTiles(selection);

	linked.forEach((other) => other.element.classList.add('linked'));
	tile.element.classList.add('current');
	if (memory)
		add(list, picture.memory ? 'in the address space' : 'in physical memory',
		    linked.length ? `marked: ${linked.length} ${linked.length === 1 ? 'cell' : 'cells'}` :
			    'no cell of this part');
	info.append(list);
}

const addresses = new Picture('cells', cells);
const memory = document.getElementById('reason').textContent ? null : new Picture('blocks', blocks);

// The sum of the cells, to compare with the totals
let total = 0;

cells.forEach((cell) => cell.shares.forEach((share) => { total += share[1]; }));
document.getElementById('sum').textContent = `The cells of the address space add up to ${total * data.page} bytes.`;
