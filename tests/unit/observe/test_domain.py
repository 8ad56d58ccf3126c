# SPDX-License-Identifier: Apache-2.0
"""From domain XML to a Guest: what Nova and libvirt write, and what is refused."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, parse_mask
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Claim, ClaimKind, Guest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import LeftOutReason
from irqaffinity.observe.domain import LARGEST, DomainError, parse_definition, parse_domain, parse_libvirt_cpus
from tests.fakes.domains import NOVA_1_1, domain, hostdev, nova_metadata

UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
MDEV = "4b20d080-1b54-4048-85b3-a6a62d165c01"
NIC = PciAddress.parse("0000:81:00.2")
NAMESPACES = ["http://openstack.org/xmlns/libvirt/nova/1.0", NOVA_1_1]


def make(pins=("4",), *devices: str, metadata: str = "", cputune: str = "", name: str = "instance-00000001") -> str:
    return domain(name, UUID, pins, devices, metadata=metadata, cputune=cputune)


def read(pins=("4",), *devices: str, metadata: str = "", cputune: str = "") -> Guest:
    guest = parse_domain(make(pins, *devices, metadata=metadata, cputune=cputune))
    assert guest is not None
    return guest


def read_mask(extra_specs: dict[str, str] | None) -> tuple[bool, str | None]:
    guest = read(metadata=nova_metadata("m1.small", extra_specs))
    return guest.extra_specs is not None, mask_of(guest)


def mask_of(guest: Guest) -> str | None:
    return (guest.extra_specs or {}).get(EXTRA_SPEC)


def left_out(*devices: str, cputune: str = "") -> list[tuple[str, str]]:
    """Return element and reason of what is left out, beside a device that is read all the same."""
    guest = read(("4",), *devices, hostdev("0000:81:00.2"), cputune=cputune)
    assert Claim(ClaimKind.HOSTDEV, NIC) in guest.claims
    assert all(left.message.isprintable() and len(left.message) <= 255 for left in guest.left_out)
    return [(left.element, left.reason.value) for left in guest.left_out]


def interface(kind: str, source: str, more: str = "") -> str:
    return f"<interface type='{kind}'><mac address='52:54:00:00:00:01'/><source {source}{more}</interface>"


def pci_source(attributes: str) -> str:
    return f"<hostdev mode='subsystem' type='pci'><source><address {attributes}/></source></hostdev>"


def nvme(address: str) -> str:
    source = hostdev(address).partition("<source>")[2].partition("</source>")[0]
    return (
        f"<disk type='nvme' device='disk'><source type='pci' namespace='1'>{source}</source><target dev='vda'/></disk>"
    )


def mdev(uuid: str) -> str:
    source = f"<source><address uuid='{uuid}'/></source>"
    return f"<hostdev mode='subsystem' type='mdev'>{source}<address type='pci' bus='0x00' slot='0x05'/></hostdev>"


def refusal_of(xml: str) -> str:
    with pytest.raises(DomainError) as refusal:
        parse_domain(xml)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) <= 300
    return str(refusal.value)


def test_a_guest_has_the_facts_of_its_domain():
    guest = read(("4", "5"), hostdev("0000:81:00.2"))
    assert (guest.uuid, guest.name, guest.vcpus) == (UUID, "instance-00000001", 2)
    assert guest.pins == {0: CpuSet([4]), 1: CpuSet([5])}
    assert guest.claims == (Claim(ClaimKind.HOSTDEV, NIC),)
    assert (guest.realtime, guest.emulator) == (CpuSet(), None)
    assert (guest.flavor, guest.display_name, guest.extra_specs, guest.image_properties) == (None, None, None, None)
    assert (guest.unplugged, guest.cpuset, guest.left_out, guest.macs) == (CpuSet(), None, (), {})


def test_a_domain_that_is_no_longer_active_is_no_guest():
    assert parse_domain(make().replace(" id='1'", "")) is None
    assert parse_domain("<domain type='kvm'/>") is None


def test_a_text_that_is_too_large_is_not_parsed() -> None:
    whole = make()
    most = whole.replace("</domain>", " " * (LARGEST - len(whole)) + "</domain>")
    assert parse_domain(most) is not None
    with pytest.raises(DomainError, match=rf"^it has {LARGEST + 1} characters, and more than {LARGEST} are not read$"):
        parse_domain(most.replace("</domain>", " </domain>"))


def test_a_text_with_entities_is_not_parsed() -> None:
    laughs = "".join(f'<!ENTITY l{depth} "{f"&l{depth - 1};" * 10}">' for depth in range(1, 10))
    entities = f'<!DOCTYPE domain [<!ENTITY l0 "ha">{laughs}]>'
    with pytest.raises(DomainError, match=r"^it has a document type, which libvirt never writes$"):
        parse_domain(entities + make().replace("instance-00000001", "&l9;"))


def test_a_name_may_look_like_a_document_type() -> None:
    assert read(metadata=nova_metadata("<!DOCTYPE a>", {})).uuid == UUID


def test_the_same_text_is_parsed_once():
    assert parse_domain(make()) is parse_domain(make())


@pytest.mark.parametrize(
    ("device", "claim"),
    [
        (hostdev("0000:81:00.2"), Claim(ClaimKind.HOSTDEV, NIC)),
        (
            interface(
                "hostdev", "><address type='pci' domain='0x0000' bus='0x81' slot='0x00' function='0x2'/></source>"
            ),
            Claim(ClaimKind.INTERFACE, NIC),
        ),
        (
            interface("direct", "dev='enp129s0f0v2' mode='passthrough'/>", "<target dev='macvtap0'/>"),
            Claim(ClaimKind.MACVTAP, source="enp129s0f0v2"),
        ),
        (interface("direct", "dev='a.b-c_d@e'/>"), Claim(ClaimKind.MACVTAP, source="a.b-c_d@e")),
        (interface("vdpa", "dev='/dev/vhost-vdpa-12'/>"), Claim(ClaimKind.VDPA, source="vhost-vdpa-12")),
        (nvme("0000:81:00.2"), Claim(ClaimKind.NVME, NIC)),
        (
            mdev(MDEV.upper()),
            Claim(ClaimKind.MDEV, source=MDEV),
        ),
    ],
    ids=["hostdev", "interface hostdev", "macvtap", "macvtap name", "vdpa", "nvme", "mdev"],
)
def test_each_kind_of_passthrough_is_a_claim(device, claim):
    assert read(("4",), device).claims == (claim,)


@pytest.mark.parametrize(
    "device",
    [
        "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>",
        "<hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/></source></hostdev>",
        hostdev("0000:81:00.2").replace("subsystem", "capabilities"),
        "<hostdev mode='capabilities' type='storage'><source><block>/dev/sdb</block></source></hostdev>",
        interface("bridge", "bridge='br-int'/>"),
        interface("vhostuser", "type='unix' path='/var/run/vhu' mode='server'/>"),
        interface("ethernet", "/>", "<target dev='tap0'/>"),
        "<disk type='file'><source file='/x'/><address type='pci' bus='0x81' slot='0x00' function='0x2'/></disk>",
        "<interface type='user'/>",
    ],
)
def test_other_devices_are_no_claims(device):
    assert read(("4",), device).claims == ()


def test_the_address_that_the_guest_sees_is_not_the_hosts():
    seen = "<address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/>"
    for device in (hostdev("0000:81:00.2").replace(tag, f"{seen}{tag}") for tag in ("<source>", "</hostdev>")):
        assert read(("4",), device).claims == (Claim(ClaimKind.HOSTDEV, NIC),)


@pytest.mark.parametrize(
    "driver", ["", "<driver name='vfio'/>", "<driver model='mlx5_vfio_pci'/>", "<driver queues='4'/>"]
)
def test_the_driver_element_is_passed_over(driver):
    device = hostdev("0000:81:00.2").replace("<source>", f"{driver}<source>")
    source = "><address type='pci' domain='0' bus='0x81' slot='0' function='3'/></source>"
    assert read(("4",), device, interface("hostdev", source, driver)).claims == (
        Claim(ClaimKind.HOSTDEV, NIC),
        Claim(ClaimKind.INTERFACE, PciAddress.parse("0000:81:00.3")),
    )


@pytest.mark.parametrize(
    ("attributes", "address"),
    [
        ("domain='0x0000' bus='0x81' slot='0x1f' function='0x7'", "0000:81:1f.7"),
        ("domain='0' bus='129' slot='31' function='7'", "0000:81:1f.7"),
        ("domain='0' bus='10' slot='10' function='1'", "0000:0a:0a.1"),
        ("domain='0000' bus='0201' slot='017' function='07'", "0000:81:0f.7"),
        ("domain='0X0' bus='0XAB' slot='0X1F' function='0X0'", "0000:ab:1f.0"),
        ("bus='0x81' slot='0x00' function='0x2'", "0000:81:00.2"),
        ("domain='0x10000' bus='0xe1' slot='0x04' function='0x0'", "10000:e1:04.0"),
        ("domain='65536' bus='0' slot='4' function='0'", "10000:00:04.0"),
    ],
)
def test_the_parts_of_an_address_are_read_as_libvirt_reads_them(attributes, address):
    assert read(("4",), pci_source(attributes)).claims == (Claim(ClaimKind.HOSTDEV, PciAddress.parse(address)),)


def test_claims_keep_their_order_and_a_device_named_twice_is_one():
    devices = [hostdev(f"0000:81:00.{function}") for function in (3, 1, 3, 2)]
    assert [claim.address.function for claim in read(("4",), *devices).claims] == [3, 1, 2]


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (("4", "20"), {0: "4", 1: "20"}),
        (("0-15", "0-15"), {0: "0-15", 1: "0-15"}),
        (("4", "0-3,16-19"), {0: "4", 1: "0-3,16-19"}),
        (("0-4,^2", "0,1,2,^2"), {0: "0-1,3-4", 1: "0-1"}),
        (("0-15,^1-14", "1, ^1 ,2"), {0: "0,15", 1: "2"}),
        (("^2,2", "2,^2,2"), {0: "2", 1: "2"}),
        (("", "5"), {1: "5"}),
        (("", ""), {}),
    ],
    ids=["dedicated", "shared", "mixed", "excluding", "range excluded, spaces", "in order", "only one", "none"],
)
def test_each_vcpupin_is_a_pin_of_its_own(pins, expected):
    guest = read(pins)
    assert {vcpu: str(cpus) for vcpu, cpus in guest.pins.items()} == expected
    assert guest.vcpus == 2


@pytest.mark.parametrize("text", ["x", "0-", "3-1", "^x", "^3-1", "0;1", "65536", "٣"])
def test_text_that_is_no_cpu_list_of_libvirt_is_refused(text):
    with pytest.raises(ValueError, match=r"neither|backwards|above"):
        parse_libvirt_cpus(text)


def test_a_cpuset_of_all_vcpus_is_no_pin():
    xml = make(("", "")).replace("<vcpu placement='static'>", "<vcpu placement='static' cpuset='3'>")
    guest = parse_domain(xml)
    assert guest is not None
    assert (guest.pins, str(guest.cpuset)) == ({}, "3")


@pytest.mark.parametrize(
    ("old", "new", "unplugged"),
    [
        ("<vcpu placement='static'>4", "<vcpu placement='static' current='2'>4", "2-3"),
        ("<vcpu placement='static'>4", "<vcpu current='4'>4", ""),
        ("<vcpu placement='static'>4", "<vcpu current='9'>4", ""),
        ("</vcpu>", "</vcpu><vcpus><vcpu id='0' enabled='yes'/><vcpu id='2' enabled='no'/></vcpus>", "2"),
        ("</vcpu>", "</vcpu><vcpus><vcpu id='1' enabled='no'/><vcpu id='7' enabled='no'/></vcpus>", "1"),
        (
            "<vcpu placement='static'>4</vcpu>",
            "<vcpu current='1'>4</vcpu><vcpus><vcpu id='3' enabled='no'/></vcpus>",
            "3",
        ),
    ],
    ids=["current", "all", "more", "sparse", "beyond", "vcpus beats current"],
)
def test_vcpus_that_are_not_plugged_in_are_known(old, new, unplugged):
    guest = parse_domain(make(("4", "5", "6", "7")).replace(old, new, 1))
    assert guest is not None
    assert (guest.vcpus, str(guest.unplugged), set(guest.pins)) == (4, unplugged, {0, 1, 2, 3})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<vcpu placement='static'>", "<vcpu current='x'>"),
        ("<vcpu placement='static'>", "<vcpu cpuset='x'>"),
        ("</vcpu>", "</vcpu><vcpus><vcpu id='x' enabled='no'/></vcpus>"),
    ],
)
def test_vcpus_that_cannot_be_read_make_the_guest_unreadable(old, new):
    refusal_of(make().replace(old, new, 1))


def test_a_pin_of_a_vcpu_that_the_guest_does_not_have_is_passed_over():
    pins = "<vcpupin vcpu='2' cpuset='6'/><vcpupin vcpu='99999999999' cpuset='nonsense'/>"
    assert set(read(("4", "5"), cputune=pins).pins) == {0, 1}


def test_realtime_vcpus_are_those_under_fifo_and_rr():
    cputune = (
        "<vcpusched vcpus='0-4,^1' scheduler='fifo' priority='1'/><vcpusched vcpus='6' scheduler='rr' priority='1'/>"
        "<vcpusched vcpus='7' scheduler='batch'/><vcpusched vcpus='5' scheduler='idle'/>"
        "<iothreadsched iothreads='1' scheduler='fifo' priority='1'/>"
    )
    assert str(read(["4"] * 8, cputune=cputune).realtime) == "0,2-4,6"


def test_the_emulators_cpus_are_those_of_its_pin():
    assert str(read(cputune="<emulatorpin cpuset='0-3,^2'/>").emulator) == "0-1,3"
    assert read(cputune="<iothreadpin iothread='1' cpuset='0'/>").emulator is None


def test_the_cpus_of_the_iothreads_are_those_of_all_their_pins():
    pins = "<iothreadpin iothread='1' cpuset='0-1'/><iothreadpin iothread='2' cpuset='3'/>"
    assert str(read(cputune=pins).iothreads) == "0-1,3"
    assert read().iothreads is None


def test_the_hardware_address_of_an_interface_leads_to_what_it_claims():
    source = "><address type='pci' domain='0x0000' bus='0x81' slot='0x00' function='0x2'/></source>"
    claimed = interface("hostdev", source).replace("52:54:00:00:00:01", "FA:16:3E:00:00:01")
    odd = interface("bridge", "bridge='br0'/>").replace("52:54:00:00:00:01", "not one")
    guest = read(("4",), claimed, interface("bridge", "bridge='br-int'/>"), odd, "<interface type='user'/>")
    assert guest.macs == {"fa:16:3e:00:00:01": Claim(ClaimKind.INTERFACE, NIC), "52:54:00:00:00:01": None}


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    ("extra_specs", "expected"),
    [
        (None, None),
        ({}, {}),
        ({"hw:cpu_policy": "dedicated"}, {"hw:cpu_policy": "dedicated"}),
        ({EXTRA_SPEC: "1-4,^3", "hw:cpu_policy": "mixed"}, {EXTRA_SPEC: "1-4,^3", "hw:cpu_policy": "mixed"}),
        ({EXTRA_SPEC: ""}, {EXTRA_SPEC: ""}),
        ({EXTRA_SPEC: " \n "}, {EXTRA_SPEC: ""}),
    ],
)
def test_novas_metadata_gives_flavor_and_extra_specs(namespace, extra_specs, expected):
    guest = read(metadata=nova_metadata("m1.small", extra_specs, namespace))
    assert (guest.extra_specs, guest.image_properties, guest.flavor) == (expected, None, "m1.small")


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ("<nova:properties/>", {}),
        ("<nova:properties><nova:property name='hw_cpu_policy'>dedicated</nova:property></nova:properties>",
         {"hw_cpu_policy": "dedicated"}),
    ],
)  # fmt: skip
def test_novas_metadata_give_the_properties_of_the_image_and_the_name_that_users_see(properties, expected):
    image = f"<nova:name>web &lt;1&gt;</nova:name><nova:image uuid=''>{properties}</nova:image></nova:instance>"
    guest = read(metadata=nova_metadata("m1", {}).replace("</nova:instance>", image))
    assert (guest.image_properties, guest.display_name) == (expected, "web <1>")


def test_an_extra_spec_without_text_is_an_empty_mask():
    metadata = nova_metadata("m1", {"hw:pci_irq_affinity_mask": "MASK"}).replace(">MASK</nova:extraSpec>", "/>")
    assert mask_of(read(metadata=metadata)) == ""


def test_metadata_of_other_programs_beside_novas_says_nothing_of_extra_specs():
    foreign = (
        "<app:x xmlns:app='urn:x'><app:flavor name='app'/><app:extraSpecs>"
        "<app:extraSpec name='hw:pci_irq_affinity_mask'>0</app:extraSpec></app:extraSpecs></app:x>"
    )
    alone = read(metadata=f"<metadata>{foreign}</metadata>")
    assert (alone.flavor, alone.extra_specs) == (None, None)
    both = read(
        metadata=nova_metadata("m1", {"hw:pci_irq_affinity_mask": "1"}).replace("<metadata>", f"<metadata>{foreign}")
    )
    assert (both.flavor, both.extra_specs) == ("m1", {EXTRA_SPEC: "1"})


def test_texts_of_the_xml_are_cleaned():
    specs = {"hw:pci_irq_affinity_mask": "1\u202e", "hw:cpu_policy": "\u2066dedicated\n"}
    metadata = nova_metadata("m1\n\u202e", specs).replace("m1\n", "m1&#10;")
    guest = parse_domain(make(metadata=metadata, name="vm\nERROR\x9b forged \u202e"))
    assert guest is not None
    assert guest.name == r"vm\x0aERROR\x9b forged \x202e"
    assert guest.flavor == r"m1\x0a\x202e"
    assert guest.extra_specs == {EXTRA_SPEC: r"1\x202e", "hw:cpu_policy": r"\x2066dedicated"}


def test_a_long_name_is_cut():
    guest = parse_domain(make(name="x" * 1000))
    assert guest is not None
    assert guest.name == "x" * 254 + "…"


@pytest.mark.parametrize("dev", ["a\u202eb", "a\x9bb", "a\u200bb"])
def test_what_does_not_print_in_a_source_dev_does_not_come_through(dev):
    xml = make(("4",), interface("direct", f"dev='{dev}'/>"))
    try:
        guest = parse_domain(xml)
    except DomainError as refusal:
        shown = [str(refusal)]
    else:
        shown = [claim.source for claim in guest.claims]
    assert all(text.isprintable() for text in shown)


def test_a_mask_too_long_to_keep_is_refused_and_never_mistaken_for_a_shorter_one():
    has_specs, mask = read_mask({"hw:pci_irq_affinity_mask": "1," * 127 + "1,2"})
    assert has_specs
    assert len(mask) == 255
    with pytest.raises(MaskError):
        parse_mask(mask, 8)
    assert read_mask({"hw:pci_irq_affinity_mask": "1," * 127 + "2"}) == (True, "1," * 127 + "2")


def outcome_of(mask: str) -> object:
    try:
        return parse_mask(mask, 8)
    except MaskError as refusal:
        return refusal.status


@given(st.text(alphabet="0123456789,-^ \n\t\r\xa0\u2003x", max_size=20))
@settings(deadline=None)
def test_a_mask_means_in_the_xml_what_it_means_to_nova(mask):
    _, read_back = read_mask({"hw:pci_irq_affinity_mask": mask})
    assert read_back is not None
    assert read_back.isprintable()
    assert outcome_of(read_back) == outcome_of(mask)


@pytest.mark.parametrize(
    "xml", ["", "nope", "<domain id='1'>", "<domain id='1'>&nope;</domain>", f"{make()}<x/>", "\0"]
)
def test_text_that_is_no_xml_is_refused(xml):
    assert "not well-formed XML" in refusal_of(xml)


def test_text_that_cannot_be_encoded_is_refused():
    refusal_of(make(name="\ud800"))


def test_another_root_element_is_refused_by_its_name():
    assert refusal_of("<node id='1'/>") == "its root element is <node>, not <domain>"
    refusal_of(f"<{'x' * 5000} id='1'/>")


@pytest.mark.parametrize(
    "vcpu",
    ["", "<vcpu/>", "<vcpu>0</vcpu>", "<vcpu>-1</vcpu>", "<vcpu>two</vcpu>", "<vcpu>65537</vcpu>", "<vcpu>1.5</vcpu>"],
)
def test_a_domain_without_a_vcpu_count_is_refused(vcpu):
    assert "<vcpu>" in refusal_of(make().replace("<vcpu placement='static'>1</vcpu>", vcpu))


@pytest.mark.parametrize("uuid", ["", "<uuid/>", "<uuid>x</uuid>", "<uuid>../../etc</uuid>"])
def test_a_domain_without_a_uuid_is_refused(uuid):
    assert "is not a uuid" in refusal_of(make().replace(f"<uuid>{UUID}</uuid>", uuid))


@pytest.mark.parametrize(
    ("cputune", "said"),
    [
        ("<vcpupin cpuset='1'/>", "the vcpu of a <vcpupin> is '', which is no number"),
        ("<vcpupin vcpu='x' cpuset='1'/>", "is 'x', which is no number"),
        ("<vcpupin vcpu='-1' cpuset='1'/>", "is '-1', which is no number"),
        ("<vcpupin vcpu='0' cpuset='x'/>", "'x' is neither"),
        ("<vcpupin vcpu='0' cpuset='3-1'/>", "3-1 runs backwards"),
        ("<vcpupin vcpu='0' cpuset='0-99999999'/>", "above 65535"),
        ("<vcpupin vcpu='0' cpuset='\u202e'/>", "is neither"),
    ],
)
def test_a_pin_that_cannot_be_read_is_refused(cputune, said):
    assert said in refusal_of(make(cputune=cputune))


@pytest.mark.parametrize(
    "attributes",
    [
        *("bus='0x100' slot='0' function='0'", "bus='0' slot='0x20' function='0'", "bus='0' slot='0' function='8'"),
        *("domain='0x100000000' bus='0'", "bus='-1'", "bus='xy'", "bus=''", "bus='../..'", f"bus='{'f' * 9999}'"),
        *("bus='ab' slot='0' function='0'", "bus='08' slot='0' function='0'", "bus='0x' slot='0' function='0'"),
    ],
)
def test_a_device_of_no_address_is_left_out(attributes):
    assert left_out(pci_source(attributes)) == [("hostdev type='pci'", "not_understood")]


@pytest.mark.parametrize(
    ("device", "element"),
    [
        ("<hostdev mode='subsystem' type='pci'/>", "hostdev type='pci'"),
        ("<hostdev mode='subsystem' type='pci'><source/></hostdev>", "hostdev type='pci'"),
        (interface("hostdev", "/>"), "interface type='hostdev'"),
        ("<interface type='hostdev'/>", "interface type='hostdev'"),
        (interface("hostdev", "><address type='usb' bus='1' device='2'/></source>"), "interface type='hostdev'"),
        ("<disk type='nvme'><source type='pci' namespace='1'/></disk>", "disk type='nvme'"),
    ],
)
def test_a_passed_through_device_without_an_address_is_left_out(device, element):
    assert left_out(device) == [(element, "not_understood")]


@pytest.mark.parametrize("uuid", ["", "x", "../../devices", f"{MDEV}/.."])
def test_an_mdev_without_a_uuid_is_left_out(uuid):
    assert left_out(mdev(uuid)) == [("hostdev type='mdev'", "not_understood")]


@pytest.mark.parametrize(
    ("kind", "dev"),
    [
        *(
            ("direct", dev)
            for dev in ("", ".", "..", "/", "a/b", "../lo", "/dev/net/tun", "a b", "a\n", "x" * 16, "../" * 999)
        ),
        *(("vdpa", dev) for dev in ("", "vhost-vdpa-0", "/dev/vhost-vdpa-", "/dev/vhost-vdpa-0/..", "/dev/../dev/x")),
        *(
            ("vdpa", dev)
            for dev in ("/dev/vhost-vdpa-٣", "/dev/vhost-vdpa-0\n", "/dev/vhost-vdpa-0x", "/dev/vhost-net")
        ),
    ],
)
def test_a_path_or_any_other_text_in_a_source_dev_leads_nowhere(kind, dev):
    source = f"dev={quoteattr(dev)}/>".replace("\n", "&#10;")
    assert left_out(interface(kind, source)) == [(f"interface type='{kind}'", "unresolved")]


@pytest.mark.parametrize("kind", ["direct", "vdpa"])
def test_an_interface_without_a_source_leads_nowhere(kind):
    assert left_out(f"<interface type='{kind}'/>") == [(f"interface type='{kind}'", "unresolved")]


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("emulatorpin", "cpuset='x'"),
        ("iothreadpin", "cpuset=''"),
        ("vcpusched", "vcpus='' scheduler='fifo'"),
        ("vcpusched", "vcpus='x' scheduler='rr'"),
    ],
)
def test_what_is_said_of_threads_and_cannot_be_read_is_left_out(name, attributes):
    assert left_out(cputune=f"<{name} {attributes}/>") == [(name, LeftOutReason.NOT_UNDERSTOOD.value)]


WHOLE = make(
    ("4", "0-3,^1"),
    hostdev("0000:81:00.2"),
    interface("direct", "dev='vf0'/>"),
    interface("vdpa", "dev='/dev/vhost-vdpa-0'/>"),
    mdev(MDEV),
    metadata=nova_metadata("m1", {"hw:pci_irq_affinity_mask": "1-4,^3", "hw:cpu_policy": "dedicated"}),
    cputune="<emulatorpin cpuset='0-3'/><vcpusched vcpus='1' scheduler='fifo' priority='1'/>",
)


@given(
    st.integers(0, len(WHOLE)),
    st.integers(0, 12),
    st.text(max_size=8) | st.text(alphabet="0123456789,-^x/.", max_size=8),
)
@settings(deadline=None, max_examples=400)
def test_a_damaged_xml_is_a_guest_with_clean_texts_or_is_refused_in_one_line(start, length, text):
    try:
        guest = parse_domain(WHOLE[:start] + escape(text) + WHOLE[start + length :])
    except DomainError as refusal:
        shown = [str(refusal)]
    else:
        shown = [] if guest is None else [guest.name, guest.flavor, *(guest.extra_specs or {}).values()]
        assert guest is None or set(guest.pins) <= set(range(guest.vcpus))
    assert all(text is None or (text.isprintable() and len(text) <= 300) for text in shown)


def test_a_definition_has_no_id_and_is_read_like_an_active_domain() -> None:
    xml = make()
    defined = xml.replace(" id='1'", "")
    assert parse_domain(defined) is None
    assert parse_definition(defined) == parse_definition(xml) == parse_domain(xml)


@pytest.mark.parametrize(
    "xml", ["", "<domain", "<network/>", "<domain/>", "<!DOCTYPE d><domain/>", "<" * (LARGEST + 1)]
)
def test_a_definition_that_cannot_be_understood_is_refused(xml: str) -> None:
    with pytest.raises(DomainError):
        parse_definition(xml)
