"""Mapping templates: what they show, and that whatever somebody writes ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given as every
from hypothesis import settings
from hypothesis import strategies as st

from staticfire.edge.services.apigateway.rest.serving.templates.budget import Budget, OutOfBudget, TemplateFailed
from staticfire.edge.services.apigateway.rest.serving.templates.json_path import MISSING, compiled_path
from staticfire.edge.services.apigateway.rest.serving.templates.renderer import Renderer, render
from staticfire.edge.services.apigateway.rest.serving.templates.variables import NotJson, Parameters

BODY = (
    '{"a": {"b": [1, 2, {"c": 3}]}, "s": "it\'s", "n": 1.5, "t": true, "z": null, "pets": [{"k": "cat"}, {"k": "dog"}]}'
)
PARAMETERS = Parameters({"id": "7"}, {"q": "v"}, {"X-Own": "h", "Accept": "*/*"})
CONTEXT = {"requestId": "r", "identity": {"sourceIp": "127.0.0.1"}, "responseOverride": {"header": {}}}


def shown(template: str, body: str = BODY) -> str:
    return render(template, body, PARAMETERS, CONTEXT, {"color": "blue"}).text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.json('$.a.b')", '[1,2,{"c":3}]'),
        ("$input.path('$.a')", '{b=[1,2,{"c":3}]}'),
        ("$input.json('$.nope')|$input.path('$.nope')|$nope|$!nope|${nope.more()}", '""||||'),
        ("$input.params('id') $input.params('q') $input.params('x-own') [$input.params('none')]", "7 v h []"),
        ("$input.params().header.get('Accept') $input.params().path.id", "*/* 7"),
        ("$context.identity.sourceIp $context.requestId ${stageVariables.color}s", "127.0.0.1 r blues"),
        ("costs $100, #1 of # and \\$x \\#set", "costs $100, #1 of # and $x #set"),
        ("#set($x = 3)#set($y = $x * 2 + 1)$y #if($y == 7 && !($x > 3))yes#{else}no#end", "7 yes"),
        ("#set($l = ['a', 'b'])#foreach($i in $l)$foreach.count$i#if($foreach.hasNext),#end#end $l", "1a,2b [a, b]"),
        ("#set($m = {'k': [1..3]})$m.k[1] $m.keySet() $m.get('k').contains(2) $m", "2 [k] true {k=[1, 2, 3]}"),
        ("#foreach($e in $input.path('$.a').entrySet())$e.key=$e.value.size()#end", "b=3"),
        ("#macro(hi $who)Hi ${who}!#end#hi('you')#hi($input.params('q'))", "Hi you!Hi v!"),
        ("#define($block)<$input.params('id')>#end$block$block", "<7><7>"),
        ("a## comment\nb#* more *#c#[[$raw #if]]#d", "ab" + "c$raw #ifd"),
        ('#set($s = "a${stageVariables.color}")$s.toUpperCase() $s.substring(1, 3)', "ABLUE bl"),
        ("#set($s = 'able')$s.replaceAll('(b)', '[$1]') $s.replaceFirst('.', '')", "a[b]le ble"),
        ("$s.x#set($s = 'one,two')#foreach($p in $s.split(','))<$p>#end", "<one><two>"),
        ("#set($Integer = 0)#set($n = $Integer.parseInt('41'))#set($n = $n + 1)$n", "42"),
        ("#if($input.path('$.z'))a#elseif($input.path('$.t'))b#else c#end", "b"),
        ("x#stop y", "x"),
        ("#foreach($i in [1..9])#if($i > 3)#break#end$i#end", "123"),
        ("$input.path('$.pets[?(@.k == \"dog\")].k') $input.path('$.pets[*].k')", '["dog"] ["cat","dog"]'),
        ("$input.path('$..c') $input.path('$.pets[-1:].k')", '[3] ["dog"]'),
        (
            "$util.escapeJavaScript($input.path('$.s')) $util.base64Decode('YWJj') $util.urlDecode('a%20b+c')",
            "it\\'s abc a b c",
        ),
        ('$util.parseJson(\'{"x": [1, {"y": 2}]}\').x[1].y', "2"),
        ("#set($d = 1.0)$d #set($d = 7 / 2)$d #set($d = -7 / 2)$d #set($d = 1 / 0)[$d]", "1.0 3 -3 []"),
        ("$input.path('$.s').getClass().forName('x') $input.__class__ $util.methods", "  "),
    ],
)
def test_what_is_shown(template: str, text: str) -> None:
    assert shown(template) == text


def test_nothing_of_python_is_reached() -> None:
    for name in ("__class__", "__init__", "__globals__", "mro()", "format('x')", "methods", "_body", "property('x')"):
        for value in ("$input", "$util", "$context", "$input.path('$.s')", "$input.path('$.a.b')"):
            assert "<" not in shown(f"{value}.{name}{{{value}.{name}.__class__}}")


def test_a_directive_takes_its_line_feed_along() -> None:
    assert shown("a\n#set($x = 1)\n#if(true)\nb\n#end\nc") == "a\nb\nc"


def test_overrides_are_told() -> None:
    rendered = render(
        "#set($context.responseOverride.status = 202)"
        "#set($context.responseOverride.header['x-a'] = $input.params('id'))",
        BODY,
        PARAMETERS,
        CONTEXT,
        {},
    )
    assert rendered.context["responseOverride"] == {"status": 202, "header": {"x-a": "7"}}
    assert CONTEXT["responseOverride"] == {"header": {}}


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end",
        "#foreach($a in [1..1001])#end",
        "#foreach($a in [1..9000000000000000000])x#end",
        "#set($s = 'xxxxxxxxxxxxxxxx')#foreach($a in [1..1000])#set($s = $s + $s)#end$s",
        "#macro(m)#m()#m()#end#m()",
        "#define($d)$d$d#end$d",
        "#set($l = [])#foreach($a in [1..1000])#set($x = $l.add($l))#end$l",
        "#set($m = {})#foreach($a in [1..40])#set($m = {'a': $m, 'b': $m})#end$m",
        "#set($s = 'x')#foreach($a in [1..99])#set($s = $s.replaceAll('x', 'xxxxxxxxxxxxxxxxxxxxxx'))#end",
        "#foreach($a in [1..1000])#foreach($b in [1..9])$input.json('$..*..*..*')#end#end",
    ],
)
def test_what_takes_too_much_is_refused(template: str) -> None:
    with pytest.raises(OutOfBudget):
        shown(template)


@pytest.mark.parametrize(
    "template",
    [
        "#if(true)",
        "#end",
        "#else",
        "#set($x)",
        "#set(x = 1)",
        "#set($x = )",
        "#foreach($x of $y)#end",
        "#macro()#end",
        "#set($x = 'a)",
        "#set($x = {1)",
        "#include('/etc/passwd')",
        "#parse('x')",
        "#set($x = " + "(" * 5000,
        "#if(true)" * 500,
        "#set($x = " + "!" * 5000 + "true)",
        "$input.path('$[')",
        "$input.path('$.a[?(@.b ~ 1)]')",
        "$input.json('" + "$" + "[?(" * 200 + "')",
        "$input.path('$.s').matches('(')",
        "#set($x = $input.path('$.a.b')[0].x.y())#hi(",
        "x" * (300 * 1024 + 1),
    ],
)
def test_what_is_not_valid_is_refused(template: str) -> None:
    if template.endswith("#hi("):
        assert shown(template).endswith("#hi(")
        return
    with pytest.raises((TemplateFailed, OutOfBudget)):
        shown(template)


def test_a_body_that_is_not_json() -> None:
    with pytest.raises(NotJson):
        shown("$input.json('$')", "{nope")
    assert shown("$input.body", "{nope") == "{nope"
    assert shown("$input.json('$')$input.body", "") == "{}{}"


DIRECTIVES = (
    "#if(",
    "#end",
    "#else",
    "#elseif(",
    "#foreach(",
    "#set(",
    "#macro(",
    "#m(",
    "#define(",
    "#break",
    "#stop",
)
VALUES = (
    "$x",
    "$x in ",
    "$input",
    "$util.parseJson(",
    "$context",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "1..9",
    "'",
    '"',
    "true",
)
CALLS = (".path('$..*')", ".json('$')", ".add($x)", ".split('.')", ".replaceAll('.', 'xx')")
SIGNS = (
    "+",
    "*",
    "==",
    "&&",
    "!",
    ".",
    ",",
    ":",
    "=",
    " ",
    "\n",
    "\\",
    "##",
    "#*",
    "*#",
    "#[[",
    "]]#",
    "$",
    "#",
    "${",
    "$!{",
)
PIECES = st.sampled_from((*DIRECTIVES, *VALUES, *CALLS, *SIGNS, "1", "x", "é"))


@settings(max_examples=150, deadline=None)
@every(st.lists(PIECES, max_size=40).map("".join))
def test_any_template_shows_something_or_says_why(template: str) -> None:
    try:
        text = shown(template)
    except TemplateFailed:
        return
    assert isinstance(text, str)


@settings(max_examples=80, deadline=None)
@every(st.text(max_size=40), st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists, max_leaves=8))
def test_any_path_finds_something_or_says_why(path: str, document: Any) -> None:
    try:
        compiled_path("$" + path).find(document, Budget())
    except TemplateFailed:
        return


def test_paths() -> None:
    document = json.loads(BODY)
    for path, value in {
        "$": document,
        "$.a.b[0]": 1,
        "$['a']['b'][-1].c": 3,
        "$.a.b[0,1]": [1, 2],
        "$.a.b[0:2]": [1, 2],
        "$.a.b[::2]": [1, {"c": 3}],
        "$.pets.length()": 2,
        "$.pets[?(@.k =~ /c.t/)]": [{"k": "cat"}],
        "$.pets[?(@.k != 'cat' && @.k)].k": ["dog"],
        "$.pets[?(!(@.k == 'cat') || @.nope > 1)].k": ["dog"],
        "$.a.*": [[1, 2, {"c": 3}]],
        "a.b[1]": 2,
        "$.nope.at.all": MISSING,
        "$.pets[9]": MISSING,
    }.items():
        assert compiled_path(path).find(document, Budget()) == value, path


async def test_the_event_loop_goes_on_beside_a_long_rendering() -> None:
    renderer, ticks = Renderer(), 0
    long = "#foreach($a in [1..1000])#foreach($b in [1..1000])x#end#end"
    task = asyncio.create_task(
        renderer.render(long, body="", parameters=PARAMETERS, context=CONTEXT, stage_variables={})
    )
    while not task.done():
        await asyncio.sleep(0)
        ticks += 1
    with pytest.raises(OutOfBudget):
        task.result()
    # On the event loop itself it would have been one.
    assert ticks > 3
