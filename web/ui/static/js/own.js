// What the server cannot do: theme, keys, instant results, busy states, drafts
// and the place in a video. All htmx event names are in this file.
(function () {
  "use strict";
  var d = document, root = d.documentElement;
  var $ = function (s, e) { return (e || d).querySelector(s); };
  var all = function (s, e) { return Array.from((e || d).querySelectorAll(s)); };
  var on = function (e, type, f, o) { e.addEventListener(type, f, o); };
  var store = {
    get: function (k) { try { return localStorage.getItem(k); } catch (e) { return null; } },
    set: function (k, v) { try { v === null ? localStorage.removeItem(k) : localStorage.setItem(k, v); } catch (e) {} }
  };

  // The status region is emptied first so that the same words are read again.
  function say(text) {
    var s = $("#status");
    if (!s || !text) return;
    s.textContent = "";
    setTimeout(function () { s.textContent = text; }, 60);
  }

  // Theme.
  function showTheme() {
    var t = store.get("theme") || "auto";
    if (t === "auto") delete root.dataset.theme; else root.dataset.theme = t;
    all("[data-theme-set]").forEach(function (b) {
      b.setAttribute("aria-pressed", String(b.dataset.themeSet === t));
    });
  }

  // Passkeys: the browser makes or shows one, and the form sends what it says.
  on(d, "submit", function (e) {
    var f = e.target.closest("form[data-passkey]"), fault;
    if (!f) return;
    e.preventDefault();
    fault = $(".fault[data-failed]", f);
    fault.hidden = true;
    if (!window.PublicKeyCredential || !PublicKeyCredential.parseRequestOptionsFromJSON) {
      fault.textContent = fault.dataset.unable;
      fault.hidden = false;
      return;
    }
    fetch(f.dataset.passkey, { method: "POST" }).then(function (r) {
      if (!r.ok) throw r;
      return r.json();
    }).then(function (o) {
      return "make" in f.dataset
        ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o) })
        : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o) });
    }).then(function (c) {
      f.elements.credential.value = JSON.stringify(c.toJSON());
      f.submit();
    }).catch(function () {
      fault.textContent = fault.dataset.failed;
      fault.hidden = false;
    });
  });

  // Menus, dialogs and toasts.
  on(d, "click", function (e) {
    var b = e.target.closest("[data-theme-set],[data-dialog],[data-close],[data-seek],[data-copy]");
    all("details[data-menu][open]").forEach(function (m) { if (!m.contains(e.target)) m.open = false; });
    if (!b) return;
    if (b.dataset.themeSet) {
      store.set("theme", b.dataset.themeSet === "auto" ? null : b.dataset.themeSet);
      showTheme();
    } else if (b.dataset.dialog) {
      var dialog = d.getElementById(b.dataset.dialog);
      if (dialog && dialog.showModal) { e.preventDefault(); dialog.showModal(); }
    } else if (b.dataset.copy) {
      var field = d.getElementById(b.dataset.copy), done = function () { say(b.dataset.copied); b.classList.add("copied"); setTimeout(function () { b.classList.remove("copied"); }, 1600); };
      field.select();
      if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done); else if (d.execCommand("copy")) done();
    } else if (b.dataset.seek) {
      var v = $("video", b.closest("[data-video]"));
      if (v) { v.currentTime = Number(b.dataset.seek); v.play(); }
    } else {
      var box = b.closest("dialog,[data-toast]");
      if (box && box.close) box.close(); else if (box) box.remove();
    }
  });
  function toasts() {
    all("[data-toast]:not([data-timed])").forEach(function (t) {
      var timer, start = function () { clearTimeout(timer); timer = setTimeout(function () { t.remove(); }, 8000); };
      t.dataset.timed = "1";
      ["pointerenter", "focusin"].forEach(function (n) { on(t, n, function () { clearTimeout(timer); }); });
      ["pointerleave", "focusout"].forEach(function (n) { on(t, n, start); });
      start();
    });
  }

  // Instant results: a combobox over what /search/quick answers.
  function options() { return all("#quick [role=option]"); }
  function choose(i) {
    var input = $("#find"), list = options();
    list.forEach(function (o, n) { o.setAttribute("aria-selected", String(n === i)); });
    if (list[i]) { input.setAttribute("aria-activedescendant", list[i].id); list[i].scrollIntoView({ block: "nearest" }); }
    else input.removeAttribute("aria-activedescendant");
  }
  function combobox() {
    var input = $("#find");
    if (!input || input.dataset.combo) return;
    input.dataset.combo = "1";
    var set = { role: "combobox", "aria-autocomplete": "list", "aria-controls": "quick", "aria-expanded": "false" };
    Object.keys(set).forEach(function (k) { input.setAttribute(k, set[k]); });
    on(input, "input", function () { if (!input.value.trim()) { $("#quick").replaceChildren(); shown(); } });
    on(input, "keydown", function (e) {
      var list = options(), at = list.findIndex(function (o) { return o.getAttribute("aria-selected") === "true"; });
      if (e.key === "ArrowDown" && list.length) { e.preventDefault(); choose((at + 1) % list.length); }
      else if (e.key === "ArrowUp" && list.length) { e.preventDefault(); choose((at + list.length) % (list.length + 1) === list.length ? -1 : at - 1); }
      else if (e.key === "Enter" && at >= 0) { e.preventDefault(); list[at].click(); }
      else if (e.key === "Escape" && list.length) { e.preventDefault(); $("#quick").replaceChildren(); shown(); }
    });
  }
  function shown() {
    var input = $("#find");
    if (input) { input.setAttribute("aria-expanded", String(options().length > 0)); input.removeAttribute("aria-activedescendant"); }
  }

  // Keys. Single letters are off while typing and can be switched off.
  var first = "";
  function typing(e) { return e.closest("input,textarea,select,[contenteditable]"); }
  function go(link) { if (link) link.click(); }
  on(d, "keydown", function (e) {
    var t = e.target, field = t.closest && typing(t);
    if ((e.ctrlKey || e.metaKey) && e.key === "Enter" && field && field.form) { e.preventDefault(); field.form.requestSubmit(); return; }
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { seek(e); return; }
    if (e.key === "Escape") {
      all("details[data-menu][open]").forEach(function (m) { m.open = false; $("summary", m).focus(); });
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || field || $("dialog:modal") || store.get("keys") === "off") return;
    var k = e.key;
    if (first === "g") { first = ""; go($('.nav a[data-key="' + ({ h: "home", l: "learn", c: "community", n: "network", p: "publish", i: "impact", a: "admin" }[k] || "-") + '"]')); return; }
    if (k === "g") { first = "g"; setTimeout(function () { first = ""; }, 1200); }
    else if (k === "/") seek(e);
    else if (k === "?") { var keys = $("#keys"); if (keys) keys.showModal(); }
    else if (k === "n") go($("[data-next]"));
    else if (k === "p") go($("[data-previous]"));
  });
  // To the field of the search, or to its page from where none is shown. A page without either leaves the key to the browser.
  function seek(e) {
    var field = all("#find,.bigfind input[type=search]").find(function (f) { return f.offsetParent; }), link = $(".top-search");
    if (field || link) e.preventDefault();
    if (field) field.focus(); else go(link);
  }

  // Drafts stay on the device until the server has answered the form, for whoever typed them: a page says whose it is, and whatever
  // belongs to another, or to somebody whose session has ended, goes. A page that does not know (an error) neither shows nor drops any.
  function whose() { var s = $("#status"); return s && s.dataset.whose || ""; }
  function draft(f) { return "draft:" + whose() + ":" + f.dataset.draft; }
  function forget(but) {
    try {
      Object.keys(localStorage).forEach(function (k) { if (k.indexOf("draft:") === 0 && !(but && k.indexOf("draft:" + but + ":") === 0)) localStorage.removeItem(k); });
      if (!but || (sessionStorage.getItem("whose") || but) !== but) sessionStorage.clear();
      if (but) sessionStorage.setItem("whose", but);
    } catch (e) {}
  }
  function drafts() {
    if ($("[data-forget]")) forget();
    if (!whose()) return;
    forget(whose());
    all("[data-draft]:not([data-kept])").forEach(function (f) {
      var key = draft(f), kept = store.get(key), form = f.closest("[data-autosave]");
      f.dataset.kept = "1";
      if (kept && (form ? kept !== f.value : !f.value)) {
        f.value = kept;
        say(d.body.dataset.kept);
        // The device has what the server has not: it is saved over the edition on which it was written, or the server says that there is another.
        if (form) { form.elements.edition.value = store.get(key + ":edition") || form.elements.edition.value; setTimeout(save, 300, form); }
      }
      on(f, "input", function () {
        store.set(key, f.value || null);
        if (form) store.set(key + ":edition", form.elements.edition.value);
      });
    });
  // A draft that a plain post has sent is dropped once the next page is here.
    var sent = JSON.parse(sessionStorage.getItem("sent") || "[]");
    if (sent.length && !$("[aria-invalid],.faults")) sent.forEach(function (k) { store.set(k, null); });
    sessionStorage.removeItem("sent");
  }
  // What is written is saved as one goes on. What cannot be saved stays on the device, says so, and is tried again.
  function save(form) { if (form.isConnected) form.dispatchEvent(new Event("input", { bubbles: true })); }
  function waits(form) {
    var note = $("[data-saved]", form);
    if (note) note.textContent = form.dataset.autosave;
    clearTimeout(form.again);
    form.again = setTimeout(save, 10000, form);
  }
  on(window, "online", function () { all("[data-autosave]").forEach(function (f) { if (f.again) save(f); }); });
  on(d, "submit", function (e) {
    if (e.defaultPrevented) return;
    var keys = all("[data-draft]", e.target).map(draft);
    if (keys.length) try { sessionStorage.setItem("sent", JSON.stringify(keys)); } catch (x) {}
  });

  // Where a list is put in order, the keyboard stays with what was pressed: on the same button of what was moved, or in the first field of
  // what is new.
  function pressed(b) { return (b.value || (b.form && b.form.elements.do || {}).value || "").split(" ")[0]; }
  on(d, "submit", function (e) {
    if (!e.defaultPrevented && e.submitter) try { sessionStorage.setItem("pressed", pressed(e.submitter)); } catch (x) {}
  });
  function land() {
    var at = location.hash.length > 1 && d.getElementById(decodeURIComponent(location.hash.slice(1))), what = sessionStorage.getItem("pressed");
    sessionStorage.removeItem("pressed");
    if (!what || !at || !at.closest("[data-order]")) return;
    var to = all("button", at).find(function (b) { return !b.disabled && pressed(b) === what; }) || $("input:not([type=hidden]),textarea,select", at) || $("a,button", at);
    if (!to) return;
    to.focus();
    if (to.matches("textarea") && to.value === to.defaultValue) to.select(); // What stands in it is an example of what could.
  }

  // Videos: go on where it stopped, tell the server, mark the line.
  function videos() {
    all("[data-video] video:not([data-ready])").forEach(function (v) {
      var last = 0, lines = all("[data-seek]", v.closest("[data-video]"));
      v.dataset.ready = "1";
      var from = Number(v.dataset.position);
      on(v, "loadedmetadata", function () { if (from > 0 && from < v.duration - 3) v.currentTime = from; });
      var save = function () {
        if (!v.dataset.save || Math.abs(v.currentTime - last) < 1) return;
        last = v.currentTime;
        fetch(v.dataset.save, { method: "POST", keepalive: true, body: new URLSearchParams({ seconds: last.toFixed(1) }) }).catch(function () {});
      };
      on(v, "playing", function () { v.dataset.played = "1"; });
      on(v, "pause", save);
      on(v, "timeupdate", function () {
        if (Math.abs(v.currentTime - last) >= 10) save();
        var now = null;
        lines.forEach(function (l) { l.removeAttribute("aria-current"); if (Number(l.dataset.seek) <= v.currentTime) now = l; });
        if (now) now.setAttribute("aria-current", "true");
      });
    });
  }

  // Files that are pasted or dropped into a text are uploaded, and named where they came in.
  function upload(field, files) {
    Array.from(files).reduce(function (after, file) {
      return after.then(function () {
        var body = new FormData();
        body.append("file", file);
        say(d.body.dataset.sending);
        return fetch(field.dataset.upload, { method: "POST", headers: { Accept: "application/json" }, body: body });
      }).then(function (r) { return r.json(); }).then(function (a) {
        if (a.fault) { say(a.fault); alert(a.fault); return; }
        field.setRangeText(a.text, field.selectionStart, field.selectionEnd, "end");
        field.dispatchEvent(new Event("input", { bubbles: true }));
        say(a.name);
      });
    }, Promise.resolve()).catch(function () { say(d.body.dataset.failed); });
  }
  ["paste", "drop"].forEach(function (n) {
    on(d, n, function (e) {
      var field = e.target.closest && e.target.closest("[data-upload]"), data = e.clipboardData || e.dataTransfer;
      if (!field || !data || !data.files.length) return;
      e.preventDefault();
      upload(field, data.files);
    });
  });

  // The clock of a check: that it nears its end is said aloud twice, and what is open is handed in when it stands still.
  function clocks() {
    all("[data-left]:not([data-ready])").forEach(function (c) {
      var end = Date.now() + 1000 * Number(c.dataset.left), form = d.getElementById(c.dataset.form);
      var marks = [[300, c.dataset.soon], [60, c.dataset.last]].filter(function (m) { return m[0] < c.dataset.left; });
      c.dataset.ready = "1";
      (function tick() {
        var s = Math.max(0, Math.ceil((end - Date.now()) / 1000));
        while (marks.length && s <= marks[0][0]) say(marks.shift()[1]);
        c.classList.toggle("sit-soon", s <= 60);
        c.textContent = c.dataset.words.replace("0:00", Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0"));
        if (s > 0) setTimeout(tick, 500); else if (form && c.isConnected) form.submit();
      })();
    });
  }

  // Rows of a list with an order are dragged to their place; the buttons in them do the same. A list with an address tells it before or
  // behind which row that is; lists of one name are one. What is dropped elsewhere goes back. Rows that are written in are held by a
  // handle, and their form is sent with the place.
  var dragged, from, next;
  function drags() { all("[data-order]:not([data-held]) > li").forEach(function (r) { r.draggable = true; }); }
  on(d, "dragstart", function (e) {
    if (!(dragged = e.target.closest && e.target.closest("[data-order] > li"))) return;
    from = dragged.parentNode;
    next = dragged.nextSibling;
    if (e.target !== dragged) e.dataTransfer.setDragImage(dragged, 0, 0);
    e.dataTransfer.effectAllowed = "move";
    e.dataTransfer.setData("text/plain", "");
    dragged.classList.add("dragged");
  });
  on(d, "dragover", function (e) {
    var list = dragged && e.target.closest("[data-order]"), over = list && e.target.closest("[data-order] > li"), box;
    if (!list || list !== from && (!from.dataset.name || list.dataset.name !== from.dataset.name)) return;
    e.preventDefault();
    if (!over || over === dragged) return;
    box = over.getBoundingClientRect();
    list.insertBefore(dragged, e.clientY < box.top + box.height / 2 ? over : over.nextSibling);
  });
  on(d, "drop", function (e) {
    if (!dragged) return;
    e.preventDefault();
    var list = dragged.parentNode, before = dragged.previousElementSibling, moved = list !== from || dragged.nextSibling !== next, form;
    from = null;
    if (moved && "held" in list.dataset) {
      form = d.createElement("button");
      form.name = "do"; form.hidden = true;
      form.value = list.dataset.do + " " + dragged.dataset.key + " " + Array.from(list.children).indexOf(dragged);
      list.after(form);
      form.click();
      return;
    }
    if (!moved || !list.dataset.order) return;
    form = d.createElement("form");
    form.method = "post";
    form.action = list.dataset.order;
    [["do", list.dataset.do], [list.dataset.name, dragged.dataset.key], ["at", (before || dragged.nextElementSibling).dataset.key], ["behind", before ? "1" : ""]].forEach(function (f) {
      var i = d.createElement("input");
      i.type = "hidden"; i.name = f[0]; i.value = f[1];
      form.append(i);
    });
    d.body.append(form);
    form.submit();
  });
  on(d, "dragend", function () {
    if (!dragged) return;
    if (from) from.insertBefore(dragged, next);
    dragged.classList.remove("dragged");
    dragged = from = null;
  });

  // htmx.
  var slow;
  on(d, "htmx:beforeRequest", function (e) {
    var t = e.detail.target;
    if (t && t.id !== "quick") t.setAttribute("aria-busy", "true");
    clearTimeout(slow);
    slow = setTimeout(function () { say(d.body.dataset.sending); }, 4000);
  });
  on(d, "htmx:afterRequest", function (e) {
    clearTimeout(slow);
    if (e.detail.target) e.detail.target.removeAttribute("aria-busy");
    var form = e.detail.elt;
    if (e.detail.successful && form && form.matches("form")) all("[data-draft]", form).forEach(function (f) {
      if (form.matches("[data-autosave]")) {
        clearTimeout(form.again);
        form.again = 0;
        if ($("[data-unsaved]", form) || e.detail.requestConfig.formData.get(f.name) !== f.value) return;
        store.set(draft(f) + ":edition", null);
      }
      store.set(draft(f), null);
      if (!form.matches("[data-autosave]") && f.matches("textarea") && form.isConnected && e.detail.target && !e.detail.target.contains(form)) f.value = "";
    });
  });
  ["htmx:sendError", "htmx:responseError", "htmx:timeout"].forEach(function (n) {
    on(d, n, function (e) {
      if (e.detail.target) e.detail.target.removeAttribute("aria-busy");
      if (e.detail.elt && e.detail.elt.matches("[data-autosave]")) waits(e.detail.elt);
      say(d.body.dataset.failed);
    });
  });
  on(d, "htmx:afterSettle", function (e) {
    ready();
    if (e.detail.boosted || e.detail.target === d.body) focusHead();
    else {
      var f = $("[data-focus]", e.detail.target);
      if (f) f.focus();
    }
    if (e.detail.target && e.detail.target.id === "quick") shown();
  });
  on(d, "htmx:historyRestore", ready);
  function focusHead() { var h = $("h1[tabindex]"); if (h) h.focus({ preventScroll: true }); }

  // What is folded on a phone has no handle on a wide window.
  var narrow = matchMedia("(max-width: 56.1875em)");
  on(narrow, "change", function () { if (!narrow.matches) all("details[data-fold]").forEach(function (f) { f.open = true; }); });

  on(d, "click", function (e) { if (e.target.closest && e.target.closest("[data-print]")) print(); });
  function ready() {
    all("[data-print]").forEach(function (b) { b.hidden = false; });
    showTheme(); combobox(); drafts(); videos(); clocks(); toasts(); drags();
    all("details[data-fold]").forEach(function (f) {
      if (!f.dataset.ready) { f.dataset.ready = "1"; if (narrow.matches) f.open = false; }
    });
    var off = $("#keys-off");
    if (off && !off.dataset.ready) {
      off.dataset.ready = "1";
      off.checked = store.get("keys") === "off";
      on(off, "change", function () { store.set("keys", off.checked ? "off" : null); });
    }
  }
  ready();
  on(window, "load", function () { setTimeout(land); }); // Going to the place in the address takes the focus away.
  var fault = $("[data-focus]");
  if (fault) fault.focus();
})();
