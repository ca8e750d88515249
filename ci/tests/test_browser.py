# SPDX-License-Identifier: Apache-2.0
"""The page in a browser: Chromium without a screen loads, filters, folds, follows links, and complains of nothing."""

import contextlib
import os
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

from synthetic import judged, made_up, record  # noqa: E402
from test_diff import ci, put  # noqa: E402
from test_report import hostile  # noqa: E402

driver = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (driver and shutil.which("chromium")), reason="not set up: chromium and chromedriver")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chromium")  # what it leaves behind lies there
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,900", "--lang=en"):
        options.add_argument(word)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    made = webdriver.Chrome(service=Service(driver, env=os.environ | {"TMPDIR": str(folder)}), options=options)
    yield made
    made.quit()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    import random

    folder = tmp_path_factory.mktemp("page")
    draw = random.Random(1)
    tests = [made_up(draw, number, 0) for number in range(60)]
    bad = record("MP.RF+imm+alias+isb+ctrl", "fail", [judged("stale", 3, 1000)],
                 first={"witness": "stale", "flag": 1, "observed": [1, 0x97432CD2], "bytes": "d22c4397"})
    put(folder / "one.json", [*tests, bad], machine="one")
    put(folder / "two.json", [*tests, *(record(name, "fail", [judged("stale", 1, 9)]) for name in hostile)], machine="two")
    assert ci("report", folder, "-o", folder / "r.html").returncode == 0
    return (folder / "r.html").as_uri()


@pytest.fixture
def browser(chromium, page):
    chromium.get("about:blank")
    chromium.get(page)
    yield chromium
    assert chromium.get_log("browser") == []
    with contextlib.suppress(Exception):
        chromium.switch_to.alert.dismiss()
        pytest.fail("a text of a document ran as a script")


def one(browser, query):
    return browser.find_element(By.CSS_SELECTOR, query)


def rows(browser):
    found = browser.find_elements(By.CSS_SELECTOR, "#matrix tr[data-t]")
    return [row.find_element(By.TAG_NAME, "th").text for row in found if row.is_displayed()]


def test_loads(browser):
    assert "violations that nobody has explained" in one(browser, ".words").text
    assert len(rows(browser)) == 60 + 1 + len(hostile)
    assert any("<script>alert(1)</script>" in name for name in rows(browser))


def test_search_and_filter(browser):
    one(browser, "#search").send_keys("mp.rf ALIAS")
    assert rows(browser) and all("MP.RF" in name and "alias" in name for name in rows(browser))
    assert one(browser, "#said").text == f"{len(rows(browser))} of {61 + len(hostile)} tests"
    one(browser, "#search").clear()
    one(browser, "#search").send_keys("no such test")
    assert rows(browser) == [] and one(browser, "#nothing").is_displayed()
    browser.refresh()
    one(browser, "#marks input[value=f]").click()
    assert len(rows(browser)) == 1 + len(hostile)
    one(browser, "#marks input[value=f]").click()
    assert len(rows(browser)) == 61 + len(hostile)


def test_fold(browser):
    button = one(browser, "#matrix .g button")
    before = len(rows(browser))
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "false" and len(rows(browser)) < before
    button.send_keys(Keys.SPACE)
    assert len(rows(browser)) == before
    one(browser, "#fold").click()
    assert rows(browser) == []
    one(browser, "#fold").click()
    assert len(rows(browser)) == before


def test_link_from_the_matrix_opens_the_violation(browser):
    row = next(r for r in browser.find_elements(By.CSS_SELECTOR, "#matrix tr[data-t]") if "MP.RF+imm+alias+isb+ctrl" in r.text)
    link = row.find_element(By.TAG_NAME, "a")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = false")
    link.click()
    section = one(browser, link.get_attribute("hash"))
    # The page hears of its new address after the click.
    WebDriverWait(browser, 10).until(lambda _: section.get_attribute("open"))
    assert "mov eax, 0x97432cd2" in section.text
    assert "cmodx run MP.RF+imm+alias+isb+ctrl --budget quick --seed 7" in section.text
    top = browser.execute_script("return arguments[0].getBoundingClientRect().top", section)
    assert 0 <= top < 200


def test_keyboard_alone(browser):
    """Into the table, along it, and from a cell to its section."""
    first = one(browser, "#matrix td[tabindex='0']")
    first.send_keys(Keys.ARROW_DOWN)
    assert one(browser, "#readout").text.startswith("one: ")
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    said = one(browser, "#readout").text
    assert said.startswith("two: ") and ("of" in said and "Hz" in said)
    cell = browser.execute_script("return [...document.querySelectorAll('#matrix td a')].pop().parentElement")
    browser.execute_script("arguments[0].tabIndex = 0; arguments[0].focus()", cell)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.execute_script("return document.activeElement.tagName") == "SUMMARY"


def test_a_pointer_at_rest_does_not_overrule_the_keyboard(browser):
    """The browser says "mouseover" of what scrolls under it, too."""
    fire = "arguments[0].dispatchEvent(new MouseEvent('mouseover', {bubbles: true, clientX: 7, clientY: arguments[1]}))"
    pointed, focused = browser.find_elements(By.CSS_SELECTOR, "#matrix tr[data-t] td")[:2]
    browser.execute_script(fire, pointed, 7)
    assert one(browser, "#readout").text.startswith("one: ")
    browser.execute_script("arguments[0].tabIndex = 0; arguments[0].focus()", focused)
    browser.execute_script(fire, pointed, 7)
    assert one(browser, "#readout").text.startswith("two: ")
    browser.execute_script(fire, pointed, 8)
    assert one(browser, "#readout").text.startswith("one: ")


def test_every_mark_has_words(browser):
    """Colour is never alone: each cell has a sign, each sign a legend, each link a label."""
    cells = browser.execute_script("return [...document.querySelectorAll('#matrix tr[data-t] td[class]')].map(c => c.textContent)")
    assert cells and all(cells)
    labels = browser.execute_script("return [...document.querySelectorAll('#matrix td a')].map(a => a.ariaLabel)")
    assert labels and all("section" in label for label in labels)


def luminance(browser, query, key):
    colour = browser.execute_script("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", query, key)
    parts = [int(float(word)) / 255 for word in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_in_light_and_dark(browser):
    seen = set()
    for _ in range(2):
        for query in ("body", ".badge.f", "#matrix td.f", ".machines li"):
            ink = luminance(browser, query, "color")
            paper = luminance(browser, query, "backgroundColor")
            assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, query
        seen.add(luminance(browser, "body", "backgroundColor") > 0.5)
        one(browser, "#theme").click()
    assert seen == {True, False}


def test_print(browser):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not one(browser, ".filters").is_displayed() and one(browser, "#matrix").is_displayed()
        wide = browser.execute_script("return document.querySelector('#matrix-part .scroll').style.maxHeight || "
                                      "getComputedStyle(document.querySelector('#matrix-part .scroll')).maxHeight")
        assert wide == "none"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
